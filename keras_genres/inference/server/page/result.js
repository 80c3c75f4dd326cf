/** The chosen poster: its picture, its genres as bars, the evidence, JSON and curl. */

import { drawLight, placeOf } from "./light.js";

const HOVER_MS = 120;

const get = (id) => document.getElementById(id);

export class Result {
  /** `say` tells the live region; `maps(poster)` brings maps by genre. */
  constructor({ say, maps }) {
    this.say = say;
    this.maps = maps;
    this.model = null;
    this.poster = null;
    this.pinned = null;
    this.shown = null;
    this.timer = null;
    const image = get("poster");
    image.addEventListener("load", () => this.mark(true));
    image.addEventListener("error", () => this.mark(false));
    new ResizeObserver(() => this.light(this.shown)).observe(image);
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.pin(null);
    });
    for (const button of document.querySelectorAll(".copy")) {
      button.addEventListener("click", () => this.copy(button));
    }
  }

  /** Show a poster, with its answer if it has come. */
  show(poster) {
    const isNew = poster !== this.poster;
    this.poster = poster;
    get("result").hidden = false;
    if (isNew) {
      this.pinned = null;
      this.light(null);
      get("poster").src = poster.url;
      get("poster").alt = `Poster ${poster.name}`;
    }
    const { entry } = poster;
    get("result").classList.toggle("is-bad", Boolean(entry?.error));
    get("source").textContent = poster.name;
    const picked = get("picked");
    picked.textContent = headline(entry);
    picked.classList.toggle("is-none", !entry?.genres.length);
    picked.classList.toggle("is-long", entry?.genres.length > 3);
    get("error").hidden = !entry?.error;
    get("error").textContent = entry?.error ?? "";
    get("scores").hidden = !entry || Boolean(entry.error);
    get("genres").replaceChildren(...(entry && !entry.error ? this.rows(entry) : []));
    get("curl").textContent = curlOf(poster);
    get("json").textContent = entry ? JSON.stringify(entry, null, 2) : "…";
    // A pass of the network is cheap enough to be made ahead; many are not.
    if (entry && !entry.error && this.model.explains_by === "gradcam") this.maps(poster).catch(() => {});
  }

  hide() {
    this.poster = null;
    this.pinned = null;
    this.light(null);
    get("poster").removeAttribute("src");
    get("result").hidden = true;
  }

  mark(isShown) {
    get("result").classList.toggle("is-unshown", !isShown);
    get("no-picture").hidden = isShown;
  }

  rows(entry) {
    const others = Object.keys(entry.scores).filter((genre) => !entry.genres.includes(genre));
    return [...entry.genres, ...others].map((genre) => {
      const isPicked = entry.genres.includes(genre);
      const row = document.createElement("li");
      if (genre === entry.genres.at(-1)) row.className = "last-picked";
      row.append(this.button(genre, entry.scores[genre], this.model.thresholds[genre], isPicked));
      return row;
    });
  }

  button(genre, score, threshold, isPicked) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = isPicked ? "genre is-picked" : "genre";
    button.dataset.genre = genre;
    button.setAttribute("aria-pressed", "false");
    button.style.setProperty("--score", score);
    button.style.setProperty("--threshold", threshold);
    const track = span("track", "");
    track.setAttribute("aria-hidden", "true");
    track.append(span("fill", ""), span("mark", ""));
    const more = `, threshold ${threshold.toFixed(2)}, ${isPicked ? "picked" : "not picked"}`;
    const value = span("value", score.toFixed(2));
    value.append(span("unseen", more));
    button.append(span("name", genre), track, value);
    button.addEventListener("pointerenter", (event) => {
      if (event.pointerType === "mouse") this.preview(genre, HOVER_MS);
    });
    button.addEventListener("pointerleave", () => this.preview(this.pinned, HOVER_MS));
    button.addEventListener("focus", () => {
      if (button.matches(":focus-visible")) this.preview(genre, HOVER_MS);
    });
    button.addEventListener("blur", () => this.preview(this.pinned, HOVER_MS));
    button.addEventListener("click", () => this.pin(this.pinned === genre ? null : genre));
    return button;
  }

  /** Keep the evidence of a genre shown, or of none. */
  pin(genre) {
    this.pinned = genre;
    for (const button of get("genres").querySelectorAll(".genre")) {
      button.setAttribute("aria-pressed", String(button.dataset.genre === genre));
    }
    this.preview(genre, 0);
  }

  preview(genre, delay) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.light(genre), delay);
  }

  async light(genre) {
    const { poster } = this;
    this.shown = genre;
    if (!genre || !poster) {
      get("light").classList.remove("is-on");
      this.caption("");
      return;
    }
    let map;
    try {
      const wait = setTimeout(() => this.caption(`Looking for the evidence for ${genre} …`), 250);
      map = (await this.maps(poster).finally(() => clearTimeout(wait))).get(genre);
    } catch (error) {
      if (this.isStill(poster, genre)) this.caption(`No evidence can be shown: ${error.message}`);
      return;
    }
    if (!this.isStill(poster, genre)) return;
    const image = get("poster");
    const place = placeOf(map);
    if (place && image.clientWidth) drawLight(get("light"), map, image.clientWidth, image.clientHeight);
    get("light").classList.toggle("is-on", Boolean(place));
    this.caption(
      place
        ? `Lit: the evidence for ${genre}, most of it ${place}.`
        : `Nothing on this poster speaks for ${genre}.`,
    );
  }

  isStill(poster, genre) {
    return this.poster === poster && this.shown === genre;
  }

  caption(text) {
    if (get("caption").textContent !== text) get("caption").textContent = text;
  }

  async copy(button) {
    const text = get(button.dataset.copies).textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      copyBySelection(button.dataset.copies); // without https a page may not write
    }
    button.textContent = "Copied";
    this.say(`Copied the ${button.dataset.copies === "curl" ? "curl line" : "JSON"}.`, null);
    setTimeout(() => (button.textContent = "Copy"), 1600);
  }
}

function headline(entry) {
  if (!entry) return "Reading …";
  if (entry.error) return "This poster could not be scored";
  if (entry.genres.length) return entry.genres.join(", ");
  return `No genre reaches its threshold; ${Object.keys(entry.scores)[0]} has the highest score`;
}

/** The line that asks the same of the service in a shell. */
function curlOf(poster) {
  const isPlain = !/[",;\\]/.test(poster.name);
  const name = isPlain ? poster.name : `"${poster.name.replace(/["\\]/g, "\\$&")}"`;
  const quoted = `posters=@${name}`.replaceAll("'", "'\\''");
  return `curl -F '${quoted}' ${new URL("v1/predict", document.baseURI)}`;
}

function copyBySelection(id) {
  const range = document.createRange();
  range.selectNodeContents(get(id));
  const selection = getSelection();
  selection.removeAllRanges();
  selection.addRange(range);
  document.execCommand("copy");
  selection.removeAllRanges();
}

function span(className, text) {
  const made = document.createElement("span");
  made.className = className;
  made.textContent = text;
  return made;
}
