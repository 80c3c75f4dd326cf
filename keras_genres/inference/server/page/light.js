/** Show a map on a poster: what speaks for the genre stays bright, the rest steps back. */

const SHADE = [14, 17, 22];
const DEEPEST = 0.8;
const LINE = [255, 186, 92];
const LINE_AT = 0.5;
const MOST_PIXELS = 360_000;

/**
 * Draw a map, rows of numbers from 0 to 1, into a canvas that lies on the poster.
 *
 * A line goes round what is brighter than half: on a dark poster light alone
 * would not tell.
 */
export function drawLight(canvas, map, width, height) {
  const wanted = Math.min(2, window.devicePixelRatio || 1);
  const scale = Math.min(wanted, Math.sqrt(MOST_PIXELS / (width * height)));
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(canvas.width, canvas.height);
  const values = enlarge(map, canvas.width, canvas.height);
  const half = 1.1 * scale;
  for (let y = 0, at = 0; y < canvas.height; y += 1) {
    for (let x = 0; x < canvas.width; x += 1, at += 1) {
      const value = values[at];
      const right = values[x + 1 < canvas.width ? at + 1 : at];
      const below = values[y + 1 < canvas.height ? at + canvas.width : at];
      const steep = Math.hypot(right - value, below - value) + 1e-6;
      const line = Math.min(1, Math.max(0, half + 0.5 - Math.abs(value - LINE_AT) / steep));
      const veil = DEEPEST * (1 - value) ** 1.3;
      for (let part = 0; part < 3; part += 1) {
        pixels.data[4 * at + part] = SHADE[part] + (LINE[part] - SHADE[part]) * line;
      }
      pixels.data[4 * at + 3] = 255 * Math.max(veil, line * 0.95);
    }
  }
  context.putImageData(pixels, 0, 0);
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

/** The map at `width` x `height` pixels: a cubic through the middles of its cells. */
function enlarge(map, width, height) {
  const columns = places(map[0].length, width);
  const rows = places(map.length, height);
  const lines = map.map((line) => columns.map((place) => mix(place, (cell) => line[cell])));
  const found = new Float32Array(width * height);
  let at = 0;
  for (const place of rows) {
    for (let x = 0; x < width; x += 1, at += 1) {
      found[at] = Math.min(1, Math.max(0, mix(place, (cell) => lines[cell][x])));
    }
  }
  return found;
}

/** For each pixel along a side: the four cells around it and how much of each is in it. */
function places(cells, pixels) {
  const inside = (cell) => Math.min(cells - 1, Math.max(0, cell));
  return Array.from({ length: pixels }, (_, pixel) => {
    const along = ((pixel + 0.5) / pixels) * cells - 0.5;
    const before = Math.floor(along);
    const t = along - before;
    return [
      [inside(before - 1), ((2 - t) * t - 1) * t / 2],
      [inside(before), ((3 * t - 5) * t * t + 2) / 2],
      [inside(before + 1), ((4 - 3 * t) * t + 1) * t / 2],
      [inside(before + 2), (t - 1) * t * t / 2],
    ];
  });
}

function mix(place, valueOf) {
  let sum = 0;
  for (const [cell, share] of place) sum += share * valueOf(cell);
  return sum;
}
