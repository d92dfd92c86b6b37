/**
 * Works the buttons of the page's cells. Pages load this module only; all others come with the first click, or when the
 * reader comes back to own edits or opens a link to some.
 */

const script = document.querySelector("script[data-live-runtime]");

/** What the built page says about itself, and what concerns all of it. */
const site = {
  runtime: new URL(script.dataset.liveRuntime, document.baseURI).href,
  notebooks: new URL("notebooks/", import.meta.url).href,
  digest: script.dataset.liveDigest,
  announce: announcer(),
  noteDownload,
};

/** Returns a function that has screen readers say a sentence. */
function announcer() {
  const region = element("p", "live-announced");
  region.setAttribute("role", "status");
  document.body.append(region);
  return (sentence) => {
    region.textContent = sentence;
  };
}

function element(name, className, text = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

/** Whether this reader has loaded this very Python before. */
function isDownloaded() {
  try {
    return localStorage.getItem("live-runtime") === site.runtime;
  } catch {
    return false;
  }
}

/** Remembers that it is loaded, so that no button names its size any more. */
function noteDownload() {
  forgetSize();
  try {
    localStorage.setItem("live-runtime", site.runtime);
  } catch {
    // It is said again at the next visit.
  }
}

function forgetSize() {
  document.querySelectorAll(".live-bar :is(.live-size, .live-size-note)").forEach((size) => size.remove());
  // A button that is Stop now gets its name when it is Run again.
  for (const run of document.querySelectorAll('.live-bar .live-run[data-live-action="run"]')) {
    run.setAttribute("aria-label", `Run cell ${run.closest(".live-cell").dataset.cell}`);
  }
}

// -- The first click ----------------------------------------------------------------------------------------

let loading;

/** What page.js imports and Run needs, named here so that the browser asks for all of it at once. */
const modules = ["bar", "cell", "dom", "edits", "help", "output", "purify", "python", "runner", "session"];

function preload() {
  for (const name of modules) {
    const link = document.createElement("link");
    link.rel = "modulepreload";
    link.href = import.meta.resolve(`./${name}.js`);
    document.head.append(link);
  }
}

/** Loads what runs cells. A failure isn't kept here, so that the next click tries again where the browser does. */
function load() {
  if (!loading) {
    preload();
  }
  loading ??= import("./page.js").then(
    ({ Page }) => new Page(site),
    (error) => {
      loading = undefined;
      throw error;
    },
  );
  return loading;
}

async function act(pressed) {
  const cell = pressed.closest(".live-cell");
  const bar = pressed.closest(".live-bar");
  pressed.setAttribute("aria-busy", "true");
  try {
    const page = await load();
    bar.parentElement.querySelector(":scope > .live-problem")?.remove();
    page.act(pressed.dataset.liveAction, cell);
  } catch (error) {
    console.error(error);
    const sentence = "What runs cells could not be loaded. Check your connection, and reload the page.";
    const problem = cell.querySelector(":scope > .live-problem") ?? element("p", "live-problem");
    problem.textContent = sentence;
    bar.after(problem);
    site.announce(sentence);
  } finally {
    pressed.removeAttribute("aria-busy");
  }
}

document.documentElement.classList.add("live-scripted"); // for browsers whose style sheets can't ask for scripts
if (isDownloaded()) {
  forgetSize();
}

document.addEventListener("click", (event) => {
  const pressed = event.target.closest(".live-bar [data-live-action]");
  if (pressed) {
    act(pressed);
  }
});

// -- Edits from an earlier visit or from a link ---------------------------------------------------------------

function hasStoredEdits() {
  try {
    return Object.keys(localStorage).some((key) => key.startsWith(`live:${location.pathname}:`));
  } catch {
    return false; // the reader's browser stores nothing
  }
}

async function restore() {
  if (location.hash.startsWith("#live=") || hasStoredEdits()) {
    try {
      await (await load()).restore();
    } catch (error) {
      console.error(error);
      site.announce("Your edits could not be loaded. Check your connection, and reload the page.");
    }
  }
}

addEventListener("hashchange", restore);
restore();
