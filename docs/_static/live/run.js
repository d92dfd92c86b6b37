/**
 * Gives every cell of the page its buttons. Pages load this module only; all others come with the first click, or
 * when the reader comes back to own edits or opens a link to some.
 */

const script = document.querySelector("script[data-live-runtime]");

const widths = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    if (target.scrollWidth > target.clientWidth) {
      target.tabIndex = 0;
    } else {
      target.removeAttribute("tabindex");
    }
  }
});

/** What the built page says about itself. */
const site = {
  runtime: new URL(script.dataset.liveRuntime, document.baseURI).href,
  notebooks: new URL("notebooks/", import.meta.url).href,
  digest: script.dataset.liveDigest,
  bytes: Number(script.dataset.liveBytes),
  announce: announcer(),
  reach,
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

/** Lets the keyboard scroll those blocks of a cell that are wider than their place, also when that changes. */
function reach(cell) {
  cell.querySelectorAll("pre").forEach((pre) => widths.observe(pre));
}

function element(name, className, text = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

/** Returns a button of a cell; what it does is in its `data-live-action`. */
function button(action, text, name) {
  const made = element("button", `live-button live-${action}`, text);
  made.type = "button";
  made.dataset.liveAction = action;
  made.setAttribute("aria-label", name);
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

/** Puts the row of buttons between a cell's code and its output, or says why there are none. */
function dress(cell, isFirst) {
  const { cell: label, why, above } = cell.dataset;
  // Code comes first, folded or not. A cell quoted without its code has its buttons below the picture.
  const code = cell.querySelector(":scope > .cell_input, :scope > .live-folded:has(> .cell_input)");
  const origin = cell.querySelector(":scope > .live-origin:last-child");
  const insert = (row) => (code ? code.after(row) : origin ? origin.before(row) : cell.append(row));
  if (why) {
    insert(element("p", "live-why", why));
    return;
  }
  const bar = element("div", "live-bar");
  bar.setAttribute("role", "group");
  bar.setAttribute("aria-label", `Cell ${label}`);
  const run = button("run", "Run", `Run cell ${label}`);
  const state = element("span", "live-state");
  bar.append(run);
  if (!isDownloaded()) {
    const size = `${Math.max(1, Math.round(site.bytes / 1e6))} MB`;
    run.setAttribute("aria-label", `Run cell ${label}, downloads ${size} once`);
    bar.append(element("span", "live-size", size));
    if (isFirst) {
      state.append(element("span", "live-size-note", `Runs in your browser. ${size} to download, once.`));
    }
  }
  bar.append(button("edit", "Edit", `Edit cell ${label}`));
  if (Number(above)) {
    bar.append(button("above", "Run all above", `Run all above cell ${label}`));
  }
  bar.append(state);
  insert(bar);
}

// -- The first click ----------------------------------------------------------------------------------------

let loading;

/** Loads what runs cells. A failure isn't kept, so that the next click tries again. */
function load() {
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
    const sentence = "What runs cells could not be loaded. Check your connection, and press the button again.";
    const problem = cell.querySelector(":scope > .live-problem") ?? element("p", "live-problem");
    problem.textContent = sentence;
    bar.after(problem);
    site.announce(sentence);
  } finally {
    pressed.removeAttribute("aria-busy");
  }
}

document.querySelectorAll(".live-cell").forEach(reach);

const cells = [...document.querySelectorAll(".live-cell[data-notebook]")];
cells.forEach((cell, position) => {
  const firstThatRuns = cells.findIndex((candidate) => !candidate.dataset.why);
  dress(cell, position === firstThatRuns);
});

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
