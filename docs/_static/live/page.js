/**
 * What concerns all cells of a page: what their buttons do, the reader's edits, and links to them. What runs, and in
 * which order, is in `runner.js`.
 */

import { PageBar } from "./bar.js";
import { CellView } from "./cell.js";
import { button } from "./dom.js";
import { Edits, LinkError, PREFIX, digest, pack, unpack } from "./edits.js";
import { Runner } from "./runner.js";

/** From this length on, some programs cut a link off. */
const LONG_LINK = 2000;

/**
 * A script of the site that could not be loaded. Some browsers, Firefox among them, remember that until the page is
 * loaded again, so that a button would try in vain.
 */
class ScriptError extends Error {}

export class Page {
  /** What `run.js` knows of the page. */
  site;
  bar;
  #runner = new Runner(this);
  #edits = new Edits(location.pathname);
  #views = new Map(); // from a card to its view
  #notebooks = new Map(); // from a name to a promise of the notebook's file

  constructor(site) {
    this.site = site;
    this.bar = new PageBar({ onReset: () => this.reset(), onRetry: () => this.restore() });
    for (const card of document.querySelectorAll(".live-cell[data-notebook]:not([data-why])")) {
      const handlers = {
        onChange: (view, text) => this.#changed(view, text),
        onRun: (view) => this.#runner.enqueue(view),
      };
      this.#views.set(card, new CellView(card, handlers));
    }
  }

  /** Does what a cell's button says. */
  async act(action, card) {
    const view = this.#views.get(card);
    if (action === "run" || action === "above") {
      this.#runner.enqueue(view, action === "above");
    } else if (action === "stop") {
      this.#runner.stop(view);
    } else if (action === "reset") {
      this.#resetCell(view);
    } else {
      try {
        await (action === "edit" ? this.#edit(view) : this.#copyLink(view));
      } catch (error) {
        this.fail(view, error);
      }
    }
  }

  /** Says in a cell what went wrong, with a button that calls `again` if that may help. */
  fail(view, error, again = null) {
    console.error(error);
    view.hush();
    view.say("Failed", "failed");
    const nodes = again && !(error instanceof ScriptError) ? [button("Try again", again)] : [];
    view.tell(error.message, { kind: "problem", nodes });
    this.site.announce(`Cell ${view.label}: ${error.message}`);
  }

  // -- What a page needs ------------------------------------------------------------------------------------

  /** Returns a notebook's cells as they are published. */
  notebook(name) {
    if (!this.#notebooks.has(name)) {
      const loading = this.#load(name);
      loading.catch(() => this.#notebooks.delete(name)); // so that the next click tries again
      this.#notebooks.set(name, loading);
    }
    return this.#notebooks.get(name);
  }

  async #load(name) {
    let notebook;
    try {
      const response = await fetch(`${this.site.notebooks}${name}.json`);
      if (!response.ok) {
        throw new Error(`${response.status} ${response.statusText}`);
      }
      notebook = await response.json();
    } catch (error) {
      throw new Error(
        `The notebook ${name} could not be loaded (${error.message}). Check your connection, and try again.`,
      );
    }
    notebook.title = notebook.title.replace(/[`*]/g, "");
    for (const view of this.viewsOf(name)) {
      view.published = notebook.cells.find((cell) => cell.label === view.label)?.source ?? null;
    }
    return notebook;
  }

  /** Returns the views of a notebook's cells, or of one cell, which a page may show several times. */
  viewsOf(name, label = null) {
    return [...this.#views.values()].filter(
      (view) => view.notebook === name && (label === null || view.label === label),
    );
  }

  /** Loads the editor. */
  async editor() {
    try {
      return await import("./editor.js");
    } catch {
      throw new ScriptError("The editor could not be loaded. Check your connection, and reload the page.");
    }
  }

  /** Loads what shows outputs. */
  async rendering() {
    try {
      return await import("./output.js");
    } catch {
      throw new ScriptError("What shows outputs could not be loaded. Check your connection, and reload the page.");
    }
  }

  /** Loads what is still missing, so that every cell can be run and edited without a connection from now on. */
  loadAll() {
    for (const view of this.#views.values()) {
      this.notebook(view.notebook).catch(() => {});
    }
    this.editor().catch(() => {});
  }

  // -- Editing ----------------------------------------------------------------------------------------------

  async #edit(view) {
    const [editor] = await Promise.all([this.editor(), this.notebook(view.notebook)]);
    view.open(view.source, editor);
    view.focus();
  }

  #changed(view, text) {
    for (const other of this.viewsOf(view.notebook, view.label)) {
      if (other !== view && other.source !== text) {
        this.editor().then((editor) => other.open(text, editor));
      }
    }
    if (text === view.published) {
      this.#edits.delete(view.notebook, view.label);
    } else {
      const edit = { source: text, published: digest(view.published), link: view.link };
      if (!this.#edits.set(view.notebook, view.label, edit)) {
        this.bar.say("Your browser doesn't store edits: they last until you leave the page.");
      }
    }
    this.bar.show();
  }

  #resetCell(view) {
    if (this.#runner.isBusy(view)) {
      this.#runner.forget(view);
    }
    this.#edits.delete(view.notebook, view.label);
    for (const each of this.viewsOf(view.notebook, view.label)) {
      each.reset();
    }
    view.editButton.focus();
    this.site.announce(`Cell ${view.label} is as published.`);
  }

  /** Ends Python, and brings back the published page. */
  reset() {
    this.#runner.end();
    this.#edits.clear();
    for (const view of this.#views.values()) {
      view.reset();
    }
    if (location.hash.startsWith(PREFIX)) {
      history.replaceState(null, "", location.pathname + location.search);
    }
    this.bar.hide();
    this.site.announce("The page is as published. Your edits are removed.");
  }

  // -- Coming back, and links -------------------------------------------------------------------------------

  /** Puts edits of an earlier visit and those of a link into their cells. Nothing runs. */
  async restore() {
    try {
      const link = location.hash.startsWith(PREFIX) ? location.hash : null;
      const restored = await this.#restoreStored(link);
      if (restored) {
        const sentence = restored === 1 ? "Your edit of one cell is back." : `Your edits of ${restored} cells are back.`;
        this.bar.say(sentence);
        this.site.announce(sentence);
      }
      if (link) {
        await this.#openLink(link);
      }
    } catch (error) {
      console.error(error);
      const retry = !(error instanceof LinkError || error instanceof ScriptError);
      this.bar.say(error.message, { problem: true, retry });
      this.site.announce(error.message);
    }
  }

  async #restoreStored(link) {
    let restored = 0;
    for (const view of this.#views.values()) {
      const edit = this.#edits.get(view.notebook, view.label);
      if (!edit || view.isEdited) {
        continue;
      }
      const [editor] = await Promise.all([this.editor(), this.notebook(view.notebook)]);
      if (edit.published === digest(view.published)) {
        view.open(edit.source, editor);
        // An edit that began with another link is the reader's own by now.
        view.link = edit.link === link ? link : null;
        restored += 1;
      } else {
        this.#offerFormer(view, edit, editor);
      }
    }
    return restored;
  }

  /** Lets the reader decide about an edit of code that is no longer published. */
  #offerFormer(view, edit, editor) {
    const use = button("Show my edit", () => {
      view.hush();
      view.open(edit.source, editor);
      this.#changed(view, edit.source);
      view.focus();
    });
    const discard = button("Discard it", () => this.#resetCell(view));
    view.tell("You edited this cell. Since then its published code has changed, which is what you see.", {
      nodes: [use, discard],
    });
    this.bar.show();
  }

  async #openLink(link) {
    const { notebook: name, cell: target, edits } = await unpack(link);
    if (!this.viewsOf(name).length) {
      throw new LinkError("This link holds code for a notebook that isn't on this page. Ask for it once more.");
    }
    const [editor] = await Promise.all([this.editor(), this.notebook(name)]);
    const missing = [];
    for (const [label, edit] of Object.entries(edits)) {
      const views = this.viewsOf(name, label);
      if (!views.length) {
        missing.push(label);
      }
      for (const view of views) {
        this.#fillIn(view, edit, link, editor);
      }
    }
    if (missing.length) {
      this.bar.say(`The link holds code for cells that aren't on this page: ${missing.join(", ")}.`, {
        problem: true,
      });
    }
    const [view] = this.viewsOf(name, target);
    view?.reveal();
    view?.root.scrollIntoView({ block: "center" });
    this.bar.show();
    this.site.announce("A link filled in code. Nothing has run. Read the code before you run it.");
  }

  #fillIn(view, edit, link, editor) {
    if (view.link === link) {
      return; // the reader has changed the link's code since
    }
    const own = this.#edits.get(view.notebook, view.label) !== null;
    const sentences = ["This code came with a link. It hasn't run: read it before you run it."];
    if (digest(view.published) !== edit.published) {
      sentences.push("The published code of this cell has changed since the link was made.");
    }
    if (own) {
      sentences.push("Your own edit of this cell is kept until you change the code here.");
    }
    view.hush();
    view.open(edit.source, editor);
    view.link = link;
    view.tell(sentences.join(" "));
  }

  async #copyLink(view) {
    const edited = this.viewsOf(view.notebook).filter((each) => each.isEdited);
    const edits = Object.fromEntries(
      edited.map((each) => [each.label, { source: each.source, published: digest(each.published) }]),
    );
    const fragment = await pack({ notebook: view.notebook, cell: view.label, edits });
    const link = location.href.split("#")[0] + fragment;
    const others = edited.filter((each) => each.label !== view.label).map((each) => each.label);
    const sentences = ["A link to this page with your code is copied."];
    if (others.length) {
      sentences.push(`It holds your edits of ${others.join(", ")} as well.`);
    }
    if (link.length > LONG_LINK) {
      sentences.push(`It has ${link.length} characters, and some programs cut such links off.`);
    }
    view.hush();
    try {
      await navigator.clipboard.writeText(link);
      view.tell(sentences.join(" "));
    } catch {
      // Without https, or without permission.
      const field = document.createElement("input");
      field.className = "live-field";
      field.readOnly = true;
      field.value = link;
      field.setAttribute("aria-label", "Link to this page with your code");
      sentences[0] = "Copy this link to the page with your code:";
      view.tell(sentences.join(" "), { nodes: [field] });
      field.focus();
      field.select();
    }
    this.site.announce(sentences.join(" "));
  }
}
