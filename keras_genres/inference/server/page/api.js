/** The service's three questions, asked with patience when it is busy. */

const MOST_TRIES = 6;

/** What `/v1/model` tells. */
export async function askModel() {
  const answer = await fetch("v1/model");
  return readAnswer(answer);
}

/** Entries of `/v1/predict`, in the order of the files. */
export async function askScores(files, onWait) {
  const answer = await send("v1/predict", files, onWait);
  return (await readAnswer(answer, true)).predictions;
}

/** Maps of `/v1/explain`, by genre. */
export async function askMaps(file, genres, onWait) {
  const query = new URLSearchParams([["overlay", "false"], ...genres.map((genre) => ["genres", genre])]);
  const answer = await send(`v1/explain?${query}`, [file], onWait);
  return new Map((await readAnswer(answer)).maps.map((each) => [each.genre, each.map]));
}

/** Files in lots that fit into one request. */
export function lotsOf(files, limits, most = 8) {
  const lots = [];
  let bytes = Infinity;
  for (const file of files) {
    const lot = lots.at(-1);
    // Some room for the form around the files.
    if (!lot || lot.length >= Math.min(most, limits.posters) || bytes + file.size > limits.body_mb * 2 ** 20 - 65536) {
      lots.push([file]);
      bytes = file.size;
    } else {
      lot.push(file);
      bytes += file.size;
    }
  }
  return lots;
}

async function send(path, files, onWait = () => {}) {
  for (let tried = 1; ; tried += 1) {
    const form = new FormData();
    for (const file of files) form.append("posters", file, file.name || "poster");
    let answer;
    try {
      answer = await fetch(path, { method: "POST", body: form });
    } catch {
      throw new Error("The service cannot be reached. Is it running?");
    }
    const isBusy = answer.status === 429 || answer.status === 503;
    if (!isBusy || tried === MOST_TRIES) return answer;
    const seconds = Math.min(15, Number(answer.headers.get("retry-after")) || 2);
    onWait(seconds);
    await new Promise((done) => setTimeout(done, seconds * 1000));
  }
}

/** The JSON of an answer; an `Error` with its sentence where there is no more to it. */
async function readAnswer(answer, withEntries = false) {
  let value = null;
  try {
    value = await answer.json();
  } catch {
    // A proxy in between may answer in HTML.
  }
  if (answer.ok && value !== null) return value;
  if (withEntries && value?.predictions) return value;
  throw new Error(value?.error ?? `The service answered with status ${answer.status}.`);
}
