/** Short words for making elements. */

/** Returns an element with a class and a text. */
export function element(name, className, text = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

/** Returns a button that calls a function. */
export function button(text, onClick, name = text) {
  const made = element("button", "live-button", text);
  made.type = "button";
  made.setAttribute("aria-label", name);
  made.addEventListener("click", onClick);
  return made;
}

/** Returns a number of bytes in words, as in “3.2 MB”. */
export function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
