/**
 * Runs cells: decides what has to run before a cell, and in which Python.
 *
 * There is one Python at a time, and it belongs to one notebook. Run gives what a reader gets who runs the notebook
 * from its top down to this cell with the code as it stands in the page now: earlier cells that haven't run in this
 * Python run first, and where one of them was changed after it ran, a new Python begins.
 */

import { Session, StoppedError } from "./session.js";

export class Runner {
  #page;
  #python = null; // {notebook, title, session, ran: from a label to the code that ran}
  #queue = [];
  #current = null; // what is running: {view, above, stop}
  #runs = 0;

  /** @param {Page} page */
  constructor(page) {
    this.#page = page;
  }

  /** Whether a cell runs or waits. */
  isBusy(view) {
    return this.#current?.view === view || this.#queue.some((task) => task.view === view);
  }

  /** Runs a cell, or all cells above it, once those that were asked for before have run. */
  enqueue(view, above = false) {
    if (this.isBusy(view)) {
      return;
    }
    this.#queue.push({ view, above });
    view.hush();
    view.busy("Waiting …");
    this.#page.bar.show();
    this.#work();
  }

  async #work() {
    if (this.#current) {
      return;
    }
    while ((this.#current = this.#queue.shift())) {
      const task = this.#current;
      const { view } = task;
      const stopped = new Promise((resolve, reject) => {
        task.stop = () => reject(new StoppedError());
      });
      try {
        await Promise.race([stopped, this.#run(task, stopped)]);
      } catch (error) {
        this.#ended(task, error);
      } finally {
        view.idle();
      }
    }
    this.#page.bar.python(this.#python?.title);
  }

  #ended({ view, isForgotten }, error) {
    // Whatever went wrong, nobody knows what this Python still holds.
    this.#endPython();
    if (isForgotten) {
      return;
    }
    if (error instanceof StoppedError) {
      view.hush();
      view.say("Stopped", "stopped");
      view.tell("Python was ended. The next run begins a new one.");
      this.#page.site.announce(`Cell ${view.label} is stopped.`);
    } else {
      this.#page.fail(view, error, () => this.enqueue(view));
    }
  }

  /** Ends what runs a cell, or takes the cell out of the queue. */
  stop(view) {
    if (this.#current?.view === view) {
      this.#current.stop();
      return;
    }
    this.#queue = this.#queue.filter((task) => task.view !== view);
    view.hush();
    view.idle();
  }

  /** Ends what runs a cell as {@link stop} does, and says nothing of it, because the cell is reset. */
  forget(view) {
    if (this.#current?.view === view) {
      this.#current.isForgotten = true;
    }
    this.stop(view);
  }

  /** Ends everything, because the page is reset. */
  end() {
    for (const { view } of [...this.#queue]) {
      this.forget(view);
    }
    if (this.#current) {
      this.forget(this.#current.view);
    }
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
    const before = this.#python;
    // What is needed in any case is loaded at the same time; each is awaited below.
    const isNew = above || before?.notebook !== view.notebook;
    const loading = [this.#page.rendering(), isNew && this.#startPython(view)];
    loading.forEach((promise) => promise && promise.catch(() => {}));
    const notebook = await unlessStopped(this.#page.notebook(view.notebook));
    const position = notebook.cells.findIndex((cell) => cell.label === view.label);
    if (position < 0) {
      throw new Error("This page is older than the code that the site has for it. Reload the page.");
    }
    const earlier = notebook.cells.slice(0, position).filter((cell) => !cell.why);
    const ran = isNew ? new Map() : before.ran;
    const changed = earlier.find((cell) => ran.has(cell.label) && ran.get(cell.label) !== this.#code(notebook, cell));
    if (changed) {
      loading.push(this.#startPython(view));
    }
    await unlessStopped(Promise.all(loading));
    this.#python.title = notebook.title;
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
    } else if (changed) {
      remarks.push(`A new Python was started, because cell ${changed.label} has changed since it ran.`);
    }
    const cells = first.length === 1 ? "one earlier cell" : `${first.length} earlier cells`;
    if (above) {
      view.say("");
      remarks.push(`A new Python was started, and ${cells} of “${notebook.title}” ${was(first)} run in it.`);
      this.#page.site.announce(remarks.join(" "));
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
    this.#page.loadAll();
    this.#python.session.rest().catch(() => {}); // it was stopped
  }

  /** Ends the former Python and starts one for a notebook. */
  async #startPython(view) {
    this.#endPython();
    const onProgress = (progress) => {
      if (this.#current?.view === view) {
        view.progress(progress);
      }
    };
    const session = new Session(this.#page.site.runtime, { onProgress, digest: this.#page.site.digest });
    this.#python = { notebook: view.notebook, title: "", session, ran: new Map() };
    this.#page.site.announce("Python is starting.");
    await session.start();
    this.#page.site.noteDownload();
  }

  /** The code that runs for a cell: as the reader edited it on this page, else as it is published. */
  #code(notebook, cell) {
    return this.#page.viewsOf(notebook.name, cell.label).find((view) => view.isEdited)?.source ?? cell.source;
  }

  /**
   * Runs one cell, and shows what it puts out wherever it stands in the page.
   *
   * @returns the exception if the cell fails and shouldn't, or `null`
   */
  async #runCell(notebook, cell, { quietly = false, remarks = [], unlessStopped }) {
    const { Outputs, nodesOf } = await this.#page.rendering();
    const { session, ran } = this.#python;
    const views = this.#page.viewsOf(notebook.name, cell.label);
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
    this.#page.site.announce(sentences.join(" "));
  }

  /** Says of a cell that it couldn't run because an earlier one failed. */
  async #blame(view, cell, outputs) {
    const { nodesOf } = await this.#page.rendering();
    const sentence = `Cell ${cell.label}, which runs before this one, raised ${outputs.error?.ename}. This cell has not run.`;
    view.say("Not run", "failed");
    const message = view.tell(sentence, { kind: "problem" });
    if (!this.#page.viewsOf(view.notebook, cell.label).length) {
      message.append(...nodesOf(outputs.list, cell.label));
    }
    this.#page.site.announce(`Cell ${view.label}: ${sentence}`);
  }

  /** Says of later cells that what they show is older than the cell that has just run. */
  #age(notebook, position) {
    const { label } = notebook.cells[position];
    for (const later of notebook.cells.slice(position + 1)) {
      for (const view of this.#page.viewsOf(notebook.name, later.label)) {
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
