import { askMaps, askModel, askScores, lotsOf } from "./api.js";
import { addCard, fillCard } from "./gallery.js";
import { Result } from "./result.js";

const MOST_POSTERS = 200;
const NAMED = 3;

const get = (id) => document.getElementById(id);
const posters = [];
const asked = askModel();
const result = new Result({ say, maps });
let chosen = null;
let waiting = 0;

start();

async function start() {
  const form = get("form");
  form.addEventListener("submit", (event) => event.preventDefault());
  get("files").addEventListener("change", (event) => {
    take([...event.target.files]);
    event.target.value = ""; // so that the same file can be chosen again
  });
  get("clear").addEventListener("click", clear);
  document.addEventListener("paste", (event) => take([...event.clipboardData.files]));
  listenForDrops();
  try {
    const model = await asked;
    result.model = model;
    const calibrated = model.calibrated ? ", calibrated scores" : "";
    get("about").textContent = `${model.name}: ${model.backbone}, ${model.genres.length} genres${calibrated}`;
    get("drop-hint").textContent =
      `Several at once are welcome, up to ${model.limits.body_mb} MB each; pasting works too.`;
  } catch (error) {
    warn(error.message);
  }
}

function listenForDrops() {
  let deep = 0; // a drag enters and leaves every element it passes
  const show = (by) => {
    deep = Math.max(0, deep + by);
    document.body.classList.toggle("is-over", deep > 0);
  };
  window.addEventListener("dragenter", () => show(1));
  window.addEventListener("dragleave", () => show(-1));
  window.addEventListener("dragover", (event) => event.preventDefault());
  window.addEventListener("drop", (event) => {
    event.preventDefault();
    deep = 0;
    show(0);
    take([...event.dataTransfer.files]);
  });
}

/** Take files: show them at once, and their scores as they come. */
async function take(files) {
  warn("");
  if (!files.length) return;
  let model;
  try {
    model = await asked;
  } catch (error) {
    warn(error.message);
    return;
  }
  const room = MOST_POSTERS - posters.length;
  if (files.length > room) warn(`This page holds ${MOST_POSTERS} posters; ${files.length - room} were left out.`);
  const added = files.slice(0, Math.max(0, room)).map(add);
  if (!added.length) return;
  lay();
  choose(added[0]);
  const most = model.limits.body_mb * 2 ** 20 - 65536;
  const large = added.filter((poster) => poster.file.size > most);
  for (const poster of large) finish(poster, failed(poster, `too large (more than ${model.limits.body_mb} MB)`));
  waiting += added.length - large.length;
  tellProgress();
  const lots = lotsOf(added.filter((poster) => poster.file.size <= most).map((poster) => poster.file), model.limits);
  const byFile = new Map(added.map((poster) => [poster.file, poster]));
  // Two requests at a time: one is read while the other is scored.
  const work = async () => {
    for (let lot = lots.shift(); lot; lot = lots.shift()) await score(lot.map((file) => byFile.get(file)));
  };
  await Promise.all([work(), work()]);
  if (waiting === 0) tell(added);
}

function add(file) {
  const poster = { file, name: file.name || "pasted poster", url: URL.createObjectURL(file), entry: null, maps: null };
  poster.card = addCard(get("cards"), poster, () => choose(poster));
  posters.push(poster);
  return poster;
}

async function score(lot) {
  let entries;
  try {
    entries = await askScores(lot.map((poster) => poster.file), (seconds) => say(`The service is busy; trying again in ${seconds} s.`));
  } catch (error) {
    warn(error.message);
    entries = lot.map((poster) => failed(poster, error.message));
  }
  lot.forEach((poster, at) => finish(poster, entries[at]));
  waiting -= lot.length;
  tellProgress();
}

function failed(poster, error) {
  return { source: poster.name, genres: [], scores: {}, error };
}

function finish(poster, entry) {
  if (!posters.includes(poster)) return; // cleared meanwhile
  poster.entry = entry;
  fillCard(poster);
  if (poster === chosen) result.show(poster);
}

function choose(poster) {
  chosen = poster;
  poster.card.querySelector("input").checked = true;
  result.show(poster);
}

/** The maps of a poster by genre; all come at the price of one, and are asked for once. */
function maps(poster) {
  if (!poster.maps) {
    poster.maps = asked.then((model) => askMaps(poster.file, model.genres));
    poster.maps.catch(() => (poster.maps = null)); // to be tried again
  }
  return poster.maps;
}

function clear() {
  for (const poster of posters.splice(0)) {
    URL.revokeObjectURL(poster.url);
    poster.card.remove();
  }
  chosen = null;
  result.hide();
  lay();
  warn("");
  say("All posters were removed.", "");
  get("files").focus();
}

/** Fit the page to how many posters there are. */
function lay() {
  const body = document.body.classList;
  body.toggle("is-empty", posters.length === 0);
  body.toggle("has-many", posters.length > 1);
  get("gallery").hidden = posters.length < 2;
  get("clear").hidden = posters.length === 0;
  get("count").textContent = posters.length;
  document.querySelector(".drop-verb").textContent = posters.length ? "Drop more posters" : "Drop posters here";
}

function tellProgress() {
  if (waiting > 0) say(`Scoring ${count(waiting)} …`);
}

/** Sum up for the eye, and say the genres for those who do not see them. */
function tell(added) {
  const good = added.filter((poster) => poster.entry && !poster.entry.error);
  const bad = added.length - good.length;
  const trouble = bad ? `${bad} could not be scored` : "";
  const heard = good.slice(0, NAMED).map((poster) => `${poster.name}: ${poster.entry.genres.join(", ") || "no genre"}`);
  if (good.length > NAMED) heard.push(`and ${good.length - NAMED} more`);
  const seen = added.length > 1 ? [`${count(good.length)} scored`, trouble] : [];
  say(sentence([...heard, trouble]), sentence(seen));
}

function sentence(parts) {
  const text = parts.filter(Boolean).join("; ");
  return text && `${text}.`;
}

function count(posters) {
  return `${posters} ${posters === 1 ? "poster" : "posters"}`;
}

/** Tell screen readers, and show: the same, unless it is said otherwise; `null` leaves what is shown. */
function say(heard, seen = heard) {
  get("status").textContent = heard;
  if (seen !== null) get("progress").textContent = seen;
}

function warn(text) {
  get("alert").textContent = text;
}
