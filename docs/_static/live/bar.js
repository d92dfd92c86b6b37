/** The bar at the foot of a page whose cells were run or edited: what holds for the whole page. */

import { button, element } from "./dom.js";
import { showHelp } from "./help.js";

export class PageBar {
  #root = element("div", "live-page-bar");
  #text = element("p", "live-page-text");
  #retry;

  /** @param {object} handlers `onReset()`, `onRetry()` */
  constructor({ onReset, onRetry }) {
    this.#root.setAttribute("role", "group");
    this.#root.setAttribute("aria-label", "Cells of this page");
    this.#root.hidden = true;
    this.#retry = button("Try again", onRetry);
    this.#retry.hidden = true;
    this.#root.append(
      this.#text,
      this.#retry,
      button("Reset page", onReset, "Reset page: remove your edits and show what is published"),
      button("How Run works", showHelp),
    );
    document.querySelector("article").append(this.#root);
  }

  show() {
    this.#root.hidden = false;
  }

  hide() {
    this.#root.hidden = true;
    this.say("");
  }

  /** Says a sentence about the page; where room is scarce, a quiet one doesn't show. */
  say(sentence, { problem = false, retry = false, quiet = false } = {}) {
    this.#text.textContent = sentence;
    this.#text.classList.toggle("live-page-problem", problem);
    this.#text.classList.toggle("live-page-quiet", quiet || !sentence);
    this.#retry.hidden = !retry;
    if (sentence && !quiet) {
      this.show();
    }
  }

  /** Says whose Python there is. */
  python(title) {
    this.say(title ? `Python is ready, for “${title}”.` : "Python is not running.", { quiet: true });
  }
}
