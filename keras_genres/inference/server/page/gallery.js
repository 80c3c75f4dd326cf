/** A poster of the gallery: a radio button that looks like the poster. */

/** Add a card and return it; `choose` is called when it is chosen. */
export function addCard(cards, poster, choose) {
  const card = document.createElement("label");
  card.className = "card is-waiting";
  const input = document.createElement("input");
  Object.assign(input, { type: "radio", name: "poster", className: "unseen" });
  input.addEventListener("change", choose);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") goToResult(event);
  });
  // A click of the mouse says show me; the arrow keys only look along.
  card.addEventListener("pointerup", () => {
    const top = document.getElementById("result").getBoundingClientRect().top;
    if (top < 0 || top > window.innerHeight * 0.7) {
      document.getElementById("result").scrollIntoView({ behavior: "smooth" });
    }
  });
  const thumb = document.createElement("span");
  thumb.className = "thumb";
  const image = document.createElement("img");
  Object.assign(image, { src: poster.url, alt: "", decoding: "async", loading: "lazy" });
  image.addEventListener("error", () => {
    const text = document.createElement("span");
    text.className = "no-thumb";
    text.textContent = poster.name;
    image.replaceWith(text);
  });
  thumb.append(image);
  const text = document.createElement("span");
  text.className = "card-text";
  text.textContent = "…";
  const name = document.createElement("span");
  name.className = "unseen";
  name.textContent = poster.name;
  card.append(input, thumb, name, text);
  cards.append(card);
  return card;
}

/** Put the answer into the card. */
export function fillCard(poster) {
  const { card, entry } = poster;
  card.classList.remove("is-waiting");
  card.classList.toggle("is-bad", Boolean(entry.error));
  card.querySelector(".card-text").textContent = entry.error
    ? `Not scored: ${entry.error}`
    : entry.genres.join(", ") || "No genre";
}

function goToResult(event) {
  event.preventDefault();
  const result = document.getElementById("result");
  result.focus({ preventScroll: true });
  result.scrollIntoView({ behavior: "smooth" });
}
