/** Show a map on a poster: what speaks for the genre stays bright, the rest steps back. */

const SHADE = [12, 15, 20];
const DEEPEST = 0.86;

/** Draw a map, rows of numbers from 0 to 1, into a canvas that lies on the poster. */
export function drawLight(canvas, map, width, height) {
  const rows = map.length;
  const columns = map[0].length;
  const small = document.createElement("canvas");
  small.width = columns;
  small.height = rows;
  const pixels = new ImageData(columns, rows);
  map.flat().forEach((value, at) => {
    pixels.data.set([...SHADE, 255 * DEEPEST * (1 - value) ** 1.2], 4 * at);
  });
  small.getContext("2d").putImageData(pixels, 0, 0);
  const scale = Math.min(2, window.devicePixelRatio || 1);
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "high";
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
}

/** Say in words where a map is brightest; `null` where it is dark all over. */
export function placeOf(map) {
  let best = 0;
  let at = null;
  map.forEach((line, row) => line.forEach((value, column) => {
    if (value > best) {
      best = value;
      at = [(row + 0.5) / map.length, (column + 0.5) / line.length];
    }
  }));
  if (at === null) return null;
  const [down, across] = at.map((share) => (share < 1 / 3 ? 0 : share > 2 / 3 ? 2 : 1));
  return [
    ["at the top left", "at the top", "at the top right"],
    ["on the left", "in the middle", "on the right"],
    ["at the bottom left", "at the bottom", "at the bottom right"],
  ][down][across];
}
