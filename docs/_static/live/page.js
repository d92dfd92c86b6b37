/**
 * Runs the cells of one page: decides what has to run before a cell, and in which Python.
 *
 * There is one Python at a time, and it belongs to one notebook. Run gives what a reader gets who runs the notebook
 * from its top down to this cell with the code as it stands in the page now: earlier cells that haven't run in this
 * Python run first, and where one of them was changed after it ran, a new Python begins.
 */

import { PageBar } from "./bar.js";
import { CellView } from "./cell.js";
import { button } from "./dom.js";
import { Edits, LinkError, PREFIX, digest, pack, unpack } from "./edits.js";
import { Session, StoppedError } from "./session.js";

/** From this length on, some programs cut a link off. */
const LONG_LINK = 2000;

export class Page {
  #site;
  #edits = new Edits(location.pathname);
  #views = new Map(); // from a card to its view
  #notebooks = new Map(); // from a name to a promise of the notebook's file
  #python = null; // {notebook, title, session, ran: from a label to the code that ran}
  #queue = [];
  #current = null; // what is running: {view, above, stop}
  #runs = 0;
  #bar;

  /** @param {object} site what `run.js` knows of the page */
  constructor(site) {
    this.#site = site;
    this.#bar = new PageBar({ onReset: () => this.reset(), onRetry: () => this.restore() });
    for (const card of document.querySelectorAll(".live-cell[data-notebook]:not([data-why])")) {
      const handlers = {
        onChange: (view, text) => this.#changed(view, text),
        onRun: (view) => this.#enqueue(view),
      };
      this.#views.set(card, new CellView(card, handlers));
    }
  }

  /** Does what a cell's button says. */
  async act(action, card) {
    const view = this.#views.get(card);
    if (action === "run" || action === "above") {
      this.#enqueue(view, action === "above");
    } else if (action === "stop") {
      this.#stop(view);
    } else if (action === "reset") {
      this.#resetCell(view);
    } else {
      try {
        await (action === "edit" ? this.#edit(view) : this.#copyLink(view));
      } catch (error) {
        this.#fail(view, error);
      }
    }
  }

  #fail(view, error, nodes = []) {
    console.error(error);
    view.hush();
    view.say("Failed", "failed");
    view.tell(error.message, { kind: "problem", nodes });
    this.#site.announce(`Cell ${view.label}: ${error.message}`);
  }

  // -- What a page needs ------------------------------------------------------------------------------------

  /** Returns a notebook's cells as they are published. */
  #notebook(name) {
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
      const response = await fetch(`${this.#site.notebooks}${name}.json`);
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
    for (const view of this.#viewsOf(name)) {
      view.published = notebook.cells.find((cell) => cell.label === view.label)?.source ?? null;
    }
    return notebook;
  }

  #viewsOf(name, label = null) {
    return [...this.#views.values()].filter(
      (view) => view.notebook === name && (label === null || view.label === label),
    );
  }

  async #editor() {
    try {
      return await import("./editor.js");
    } catch {
      throw new Error("The editor could not be loaded. Check your connection, and try again.");
    }
  }

  async #rendering() {
    try {
      return await import("./output.js");
    } catch {
      throw new Error("What shows outputs could not be loaded. Check your connection, and try again.");
    }
  }

  // -- Editing ----------------------------------------------------------------------------------------------

  async #edit(view) {
    const [editor] = await Promise.all([this.#editor(), this.#notebook(view.notebook)]);
    view.open(view.source, editor);
    view.focus();
  }

  #changed(view, text) {
    for (const other of this.#viewsOf(view.notebook, view.label)) {
      if (other !== view && other.source !== text) {
        this.#editor().then((editor) => other.open(text, editor));
      }
    }
    if (text === view.published) {
      this.#edits.delete(view.notebook, view.label);
    } else {
      const edit = { source: text, published: digest(view.published), link: view.link };
      if (!this.#edits.set(view.notebook, view.label, edit)) {
        this.#bar.say("Your browser doesn't store edits: they last until you leave the page.");
      }
    }
    this.#bar.show();
  }

  #resetCell(view) {
    if (this.#isBusy(view)) {
      this.#stop(view);
    }
    this.#edits.delete(view.notebook, view.label);
    for (const each of this.#viewsOf(view.notebook, view.label)) {
      each.reset();
    }
    view.editButton.focus();
    this.#site.announce(`Cell ${view.label} is as published.`);
  }

  /** Ends Python, and brings back the published page. */
  reset() {
    this.#stopAll();
    this.#edits.clear();
    for (const view of this.#views.values()) {
      view.reset();
    }
    if (location.hash.startsWith(PREFIX)) {
      history.replaceState(null, "", location.pathname + location.search);
    }
    this.#bar.hide();
    this.#site.announce("The page is as published. Your edits are removed.");
  }

  // -- Coming back, and links -------------------------------------------------------------------------------

  /** Puts edits of an earlier visit and those of a link into their cells. Nothing runs. */
  async restore() {
    try {
      const link = location.hash.startsWith(PREFIX) ? location.hash : null;
      const restored = await this.#restoreStored(link);
      if (restored) {
        const sentence = restored === 1 ? "Your edit of one cell is back." : `Your edits of ${restored} cells are back.`;
        this.#bar.say(sentence);
        this.#site.announce(sentence);
      }
      if (link) {
        await this.#openLink(link);
      }
    } catch (error) {
      console.error(error);
      this.#bar.say(error.message, { problem: true, retry: !(error instanceof LinkError) });
      this.#site.announce(error.message);
    }
  }

  async #restoreStored(link) {
    let restored = 0;
    for (const view of this.#views.values()) {
      const edit = this.#edits.get(view.notebook, view.label);
      if (!edit || view.isEdited) {
        continue;
      }
      const [editor] = await Promise.all([this.#editor(), this.#notebook(view.notebook)]);
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
    this.#bar.show();
  }

  async #openLink(link) {
    const { notebook: name, cell: target, edits } = await unpack(link);
    if (!this.#viewsOf(name).length) {
      throw new LinkError("This link holds code for a notebook that isn't on this page. Ask for it once more.");
    }
    const [editor] = await Promise.all([this.#editor(), this.#notebook(name)]);
    const missing = [];
    for (const [label, edit] of Object.entries(edits)) {
      const views = this.#viewsOf(name, label);
      if (!views.length) {
        missing.push(label);
      }
      for (const view of views) {
        this.#fillIn(view, edit, link, editor);
      }
    }
    if (missing.length) {
      this.#bar.say(`The link holds code for cells that aren't on this page: ${missing.join(", ")}.`, {
        problem: true,
      });
    }
    const [view] = this.#viewsOf(name, target);
    view?.reveal();
    view?.root.scrollIntoView({ block: "center" });
    this.#bar.show();
    this.#site.announce("A link filled in code. Nothing has run. Read the code before you run it.");
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
    const edited = this.#viewsOf(view.notebook).filter((each) => each.isEdited);
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
    this.#site.announce(sentences.join(" "));
  }

  // -- Running ----------------------------------------------------------------------------------------------

  #isBusy(view) {
    return this.#current?.view === view || this.#queue.some((task) => task.view === view);
  }

  #enqueue(view, above = false) {
    if (this.#isBusy(view)) {
      return;
    }
    this.#queue.push({ view, above });
    view.hush();
    view.busy("Waiting …");
    this.#bar.show();
    this.#work();
  }

  async #work() {
    if (this.#current) {
      return;
    }
    while ((this.#current = this.#queue.shift())) {
      const { view } = this.#current;
      const stopped = new Promise((resolve, reject) => {
        this.#current.stop = () => reject(new StoppedError());
      });
      try {
        await Promise.race([stopped, this.#run(this.#current, stopped)]);
      } catch (error) {
        this.#ended(view, error);
      } finally {
        view.idle();
      }
    }
    this.#bar.python(this.#python?.title);
  }

  #ended(view, error) {
    // Whatever went wrong, nobody knows what this Python still holds.
    this.#endPython();
    if (error instanceof StoppedError) {
      view.hush();
      view.say("Stopped", "stopped");
      view.tell("Python was ended. The next run begins a new one.");
      this.#site.announce(`Cell ${view.label} is stopped.`);
    } else {
      this.#fail(view, error, [button("Try again", () => this.#enqueue(view))]);
    }
  }

  #stop(view) {
    if (this.#current?.view === view) {
      this.#current.stop();
      return;
    }
    this.#queue = this.#queue.filter((task) => task.view !== view);
    view.hush();
    view.idle();
  }

  #stopAll() {
    for (const { view } of this.#queue.splice(0)) {
      view.idle();
    }
    this.#current?.stop();
    this.#endPython();
  }

  #endPython() {
    this.#python?.session.stop();
    this.#python = null;
  }

  /** Runs what a click asks for. */
  async #run(task, stopped) {
    const { view, above } = task;
    // Whatever is awaited ends when the reader presses Stop.
    const unlessStopped = (promise) => Promise.race([stopped, promise]);
    view.busy("Starting Python …");
    const loadingOutput = this.#rendering();
    loadingOutput.catch(() => {}); // awaited below
    const notebook = await unlessStopped(this.#notebook(view.notebook));
    const position = notebook.cells.findIndex((cell) => cell.label === view.label);
    if (position < 0) {
      throw new Error("This page is older than the code that the site has for it. Reload the page.");
    }
    const earlier = notebook.cells.slice(0, position).filter((cell) => !cell.why);
    const before = this.#python;
    const ran = before?.notebook === notebook.name ? before.ran : new Map();
    const changed = earlier.find((cell) => ran.has(cell.label) && ran.get(cell.label) !== this.#code(notebook, cell));
    if (above || changed || before?.notebook !== notebook.name) {
      await unlessStopped(this.#startPython(notebook, view));
    }
    await unlessStopped(loadingOutput);
    const first = earlier.filter((cell) => !this.#python.ran.has(cell.label));
    for (const [number, cell] of first.entries()) {
      view.say(`Running earlier cells, ${number + 1} of ${first.length} …`);
      const failed = await this.#runCell(notebook, cell, { quietly: !above, unlessStopped });
      if (failed) {
        await this.#blame(view, cell, failed);
        return;
      }
    }
    const remarks = [];
    if (before && before.notebook !== notebook.name) {
      remarks.push(`The Python of “${before.title}” was ended, because there is one at a time.`);
    } else if (changed && !above) {
      remarks.push(`A new Python was started, because cell ${changed.label} has changed since it ran.`);
    }
    const cells = first.length === 1 ? "one earlier cell" : `${first.length} earlier cells`;
    if (above) {
      view.say("");
      remarks.push(`A new Python was started, and ${cells} of “${notebook.title}” ${was(first)} run in it.`);
      this.#site.announce(remarks.join(" "));
    } else {
      if (first.length) {
        remarks.push(`First, ${cells} of “${notebook.title}” ${was(first)} run.`);
      }
      view.busy("Running …");
      await this.#runCell(notebook, notebook.cells[position], { remarks, unlessStopped });
      this.#age(notebook, position);
    }
    if (remarks.length) {
      view.tell(remarks.join(" "));
    }
    // So that every cell of the page can be run without a connection from now on.
    for (const name of new Set([...this.#views.values()].map((each) => each.notebook))) {
      this.#notebook(name).catch(() => {});
    }
    this.#editor().catch(() => {});
  }

  /** Ends the former Python and starts one for a notebook. */
  async #startPython(notebook, view) {
    this.#endPython();
    const onProgress = (progress) => {
      if (this.#current?.view === view) {
        view.progress(progress);
      }
    };
    const session = new Session(this.#site.runtime, { onProgress, digest: this.#site.digest });
    this.#python = { notebook: notebook.name, title: notebook.title, session, ran: new Map() };
    this.#site.announce("Python is starting.");
    await session.start();
    this.#noteDownload();
    this.#bar.python(notebook.title);
  }

  /** Remembers that the download is done, so that no button names its size any more. */
  #noteDownload() {
    for (const view of this.#views.values()) {
      view.forgetSize();
    }
    try {
      localStorage.setItem("live-runtime", this.#site.runtime);
    } catch {
      // It is said again at the next visit.
    }
  }

  /** The code that runs for a cell: as the reader edited it on this page, else as it is published. */
  #code(notebook, cell) {
    return this.#viewsOf(notebook.name, cell.label).find((view) => view.isEdited)?.source ?? cell.source;
  }

  /**
   * Runs one cell, and shows what it puts out wherever it stands in the page.
   *
   * @returns the exception if the cell fails and shouldn't, or `null`
   */
  async #runCell(notebook, cell, { quietly = false, remarks = [], unlessStopped }) {
    const { Outputs, nodesOf } = await this.#rendering();
    const { session, ran } = this.#python;
    const views = this.#viewsOf(notebook.name, cell.label);
    const source = this.#code(notebook, cell);
    const outputs = new Outputs();
    const render = () => {
      for (const view of views) {
        view.show(nodesOf(outputs.list, cell.label), outputs.error);
      }
    };
    // What a cell prints is shown as it comes, at most once a frame.
    let scheduled = 0;
    const onOutput = (output) => {
      outputs.add(output);
      if (!quietly && !scheduled) {
        scheduled = requestAnimationFrame(() => {
          scheduled = 0;
          render();
        });
      }
    };
    const { label, expected } = cell;
    let result;
    try {
      result = await unlessStopped(session.run({ notebook: notebook.name, label, source, expected }, onOutput));
    } catch (error) {
      cancelAnimationFrame(scheduled);
      if (!quietly && outputs.list.length) {
        render(); // what it printed until it was stopped
      }
      throw error;
    }
    cancelAnimationFrame(scheduled);
    this.#runs += 1;
    for (const view of views) {
      if (quietly && result.same) {
        view.restoreOutput(); // it would be the same
      } else {
        view.show(nodesOf(outputs.list, label), outputs.error);
      }
      view.compare(result);
      view.ranAt = this.#runs;
      this.#site.reach(view.root);
    }
    const failed = result.status === "error" && outputs.error?.ename !== cell.raises;
    if (failed) {
      ran.delete(label); // it runs again before any later cell
    } else {
      ran.set(label, source);
    }
    if (!quietly) {
      this.#announceResult(label, result, outputs, remarks);
    }
    return failed ? outputs : null;
  }

  #announceResult(label, { same }, { error }, remarks) {
    const sentences = [`Cell ${label} has run.`, ...remarks];
    if (error) {
      sentences.push(`It raises ${error.ename}.`);
    }
    if (same !== null) {
      sentences.push(same ? "The output is the same as published." : "The output differs from what is published.");
    }
    this.#site.announce(sentences.join(" "));
  }

  /** Says of a cell that it couldn't run because an earlier one failed. */
  async #blame(view, cell, outputs) {
    const { nodesOf } = await this.#rendering();
    const sentence = `Cell ${cell.label}, which runs before this one, raised ${outputs.error?.ename}. This cell has not run.`;
    view.say("Not run", "failed");
    const message = view.tell(sentence, { kind: "problem" });
    if (!this.#viewsOf(cell.notebook ?? view.notebook, cell.label).length) {
      message.append(...nodesOf(outputs.list, cell.label));
    }
    this.#site.announce(`Cell ${view.label}: ${sentence}`);
  }

  /** Says of later cells that what they show is older than the cell that has just run. */
  #age(notebook, position) {
    const { label } = notebook.cells[position];
    for (const later of notebook.cells.slice(position + 1)) {
      for (const view of this.#viewsOf(notebook.name, later.label)) {
        if (view.ranAt && this.#python.ran.has(later.label)) {
          view.hush();
          view.tell(`This ran before cell ${label} did.`);
        }
      }
    }
  }
}

function was(cells) {
  return cells.length === 1 ? "was" : "were";
}
