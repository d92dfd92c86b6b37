/** One cell as it stands in the page: its code, its buttons, what is said about it, and its output. */

import { button, element, megabytes } from "./dom.js";

let editors = 0;

export class CellView {
  /** The published code; known once the notebook's file is there. */
  published = null;
  /** The fragment of the link that the code came with, if it did. */
  link = null;
  /** When the cell last ran, in the order of runs; 0 if it hasn't. */
  ranAt = 0;

  #editor = null;
  #parts = null;
  #progress = null;
  #messages = [];
  #verdict = null;
  #own = null;
  #badge = null;

  /**
   * @param {Element} root the cell's card
   * @param {object} handlers `onChange(view, text)` and `onRun(view)`
   */
  constructor(root, { onChange, onRun }) {
    this.root = root;
    this.notebook = root.dataset.notebook;
    this.label = root.dataset.cell;
    this.onChange = onChange;
    this.onRun = onRun;
    this.bar = root.querySelector(":scope > .live-bar");
    this.runButton = this.bar.querySelector(".live-run");
    this.editButton = this.bar.querySelector(".live-edit");
    this.state = this.bar.querySelector(".live-state");
    this.#badge = root.querySelector(":scope > .live-badge");
    this.badgeText = this.#badge?.textContent;
    this.linkButton = this.#addButton("link", "Copy link", `Copy link to your code of cell ${this.label}`);
    this.resetButton = this.#addButton("reset", "Reset", `Reset cell ${this.label} to what is published`);
  }

  #addButton(action, text, name) {
    const made = button(text, () => {}, name);
    made.classList.add(`live-${action}`);
    made.dataset.liveAction = action;
    made.hidden = true;
    this.state.before(made);
    return made;
  }

  // -- Code -------------------------------------------------------------------------------------------------

  get source() {
    return this.#editor?.text ?? this.published;
  }

  get isEdited() {
    return this.#editor !== null && this.#editor.text !== this.published;
  }

  /** Opens the editor with a text, or puts the text into it; `editor.js` must be loaded. */
  open(text, { edit }) {
    if (this.#editor) {
      if (this.#editor.text !== text) {
        this.#editor.text = text;
        this.#noteChange(text);
      }
      return;
    }
    this.#parts = this.#code();
    const { pre, folded } = this.#parts;
    if (folded) {
      folded.open = true;
    }
    const hint = element("p", "live-hint", "Shift+Enter runs. Esc, then Tab, leaves the editor.");
    hint.id = `live-hint-${++editors}`;
    this.#editor = edit(pre.parentElement, text, {
      name: `Code of cell ${this.label}`,
      description: hint.id,
      onChange: (changed) => {
        this.#noteChange(changed);
        this.onChange(this, changed);
      },
      onRun: () => this.onRun(this),
    });
    pre.parentElement.append(hint);
    this.root.classList.add("live-editing");
    this.editButton.hidden = true;
    this.#noteChange(text);
  }

  focus() {
    this.#editor?.focus();
  }

  #noteChange(text) {
    // What is hidden behind the editor is what the copy button copies and what paper shows.
    this.#parts.pre.textContent = text;
    this.#offer();
  }

  /** Offers those buttons that have something to do. */
  #offer() {
    this.linkButton.hidden = !this.isEdited;
    this.resetButton.hidden = !this.isEdited && !this.#own && !this.#messages.length;
  }

  /** Returns where the code stands; makes that place in a cell that is quoted without its code. */
  #code() {
    const pre = this.root.querySelector(".cell_input .highlight > pre");
    if (pre) {
      const folded = pre.closest(".live-folded");
      return { pre, folded, nodes: [...pre.childNodes], wasOpen: folded?.open };
    }
    const input = element("div", "cell_input code_cell docutils container");
    const outer = element("div", "highlight-ipython3 notranslate");
    const inner = element("div", "highlight");
    inner.append(element("pre", ""));
    outer.append(inner);
    input.append(outer);
    const place = this.bar.nextSibling;
    this.root.prepend(input, this.bar);
    this.root.classList.add("jupyter_container");
    return { pre: inner.firstChild, added: input, place };
  }

  #closeEditor() {
    if (!this.#editor) {
      return;
    }
    const { pre, folded, nodes, wasOpen, added, place } = this.#parts;
    this.#editor.destroy();
    this.#editor = null;
    pre.parentElement.querySelector(".live-hint").remove();
    this.root.classList.remove("live-editing");
    if (added) {
      added.remove();
      this.root.insertBefore(this.bar, place);
      this.root.classList.remove("jupyter_container");
    } else {
      pre.replaceChildren(...nodes);
    }
    if (folded) {
      folded.open = wasOpen;
    }
    this.editButton.hidden = false;
  }

  // -- What is said -----------------------------------------------------------------------------------------

  /** Says in a word or two how the cell stands; `kind` is `same`, `differs`, `problem` or nothing. */
  say(text, kind = "") {
    this.state.textContent = text;
    this.state.className = `live-state ${kind && `live-${kind}`}`;
  }

  /** Puts a sentence below the buttons; nodes may follow it. */
  tell(sentence, { kind = "note", nodes = [] } = {}) {
    const message = element("p", `live-${kind}`, sentence);
    nodes.forEach((node) => message.append(" ", node));
    (this.#messages.at(-1) ?? this.bar).after(message);
    this.#messages.push(message);
    this.#offer();
    return message;
  }

  /** Takes away what was said. */
  hush() {
    this.#messages.forEach((message) => message.remove());
    this.#messages = [];
    this.say("");
  }

  /** Shows what the cell is waiting for, with Stop in place of Run. */
  busy(text) {
    this.say(text);
    this.root.setAttribute("aria-busy", "true");
    this.runButton.textContent = "Stop";
    this.runButton.dataset.liveAction = "stop";
    this.runButton.setAttribute("aria-label", `Stop cell ${this.label}`);
  }

  /** Shows how much is loaded. */
  progress({ phase, loaded, total }) {
    if (phase !== "download" || !total) {
      this.#endProgress();
      this.say("Starting Python …");
      return;
    }
    if (!this.#progress) {
      this.#progress = element("div", "live-progress");
      this.#progress.setAttribute("role", "progressbar");
      this.#progress.setAttribute("aria-label", "Download of Python");
      this.#progress.append(element("div", "live-progress-done"));
      this.bar.after(this.#progress);
    }
    const text = `${megabytes(loaded)} of ${megabytes(total)}`;
    this.#progress.setAttribute("aria-valuemin", 0);
    this.#progress.setAttribute("aria-valuemax", total);
    this.#progress.setAttribute("aria-valuenow", Math.min(loaded, total));
    this.#progress.setAttribute("aria-valuetext", text);
    this.#progress.firstChild.style.width = `${Math.min(100, (100 * loaded) / total)}%`;
    this.say(text);
  }

  #endProgress() {
    this.#progress?.remove();
    this.#progress = null;
  }

  /** Offers Run again. */
  idle() {
    this.#endProgress();
    this.root.removeAttribute("aria-busy");
    this.runButton.textContent = "Run";
    this.runButton.dataset.liveAction = "run";
    this.runButton.setAttribute("aria-label", `Run cell ${this.label}`);
    this.#offer();
  }

  // -- Output -----------------------------------------------------------------------------------------------

  /** Where the default environment's output stands: the cell itself, a tab of versions, or what is folded. */
  get #host() {
    return this.root.querySelector(".live-default") ?? this.root;
  }

  /** The published output, wherever it is now. */
  get #publishedOutput() {
    return this.#host.querySelector(".cell_output:not(.live-own)");
  }

  /** Shows what the cell puts out in place of the published output; `nodes` as `nodesOf` makes them. */
  show(nodes, error) {
    if (!this.#own) {
      this.#own = element("div", "cell_output live-own docutils container");
      this.#own.setAttribute("role", "group");
      this.#own.setAttribute("aria-label", `Output of cell ${this.label}`);
      const published = this.#publishedOutput;
      if (published) {
        published.before(this.#own);
        published.hidden = true;
      } else if (this.#host !== this.root) {
        this.#host.querySelector(":scope > .live-nothing")?.setAttribute("hidden", "");
        this.#host.prepend(this.#own);
      } else {
        (this.#badge ?? this.#messages.at(-1) ?? this.bar).after(this.#own);
      }
      this.reveal();
    }
    this.#dropVerdict();
    this.#own.replaceChildren(...nodes);
    this.#own.hidden = nodes.length === 0;
    this.#mark(error ? `raises ${error.ename}` : "");
  }

  /** Says above the output which exception the cell raises, if it does. */
  #mark(text) {
    if (!this.#badge && text) {
      this.#badge = element("p", "live-badge");
      (this.#messages.at(-1) ?? this.bar).after(this.#badge);
    }
    if (this.#badge) {
      this.#badge.textContent = text;
      this.#badge.hidden = !text;
    }
    this.root.classList.toggle("live-raises", Boolean(text));
  }

  /** Says whether the output is the published one, and lets the reader see what differs. */
  compare({ same, diff }) {
    this.#dropVerdict();
    if (same === null) {
      this.say("Has run");
    } else if (same) {
      this.say("Same as published", "same");
    } else {
      this.say("Differs from published", "differs");
      this.#verdict = element("div", "live-verdict");
      this.#verdict.append(folded("What differs", diffNode(diff)));
      const published = this.#publishedOutput;
      if (published) {
        published.hidden = false;
        this.#verdict.append(folded("What is published", published));
      }
      this.#own.after(this.#verdict);
    }
  }

  #dropVerdict() {
    const published = this.#publishedOutput;
    if (this.#verdict && published) {
      published.hidden = true;
      this.#own.after(published);
    }
    this.#verdict?.remove();
    this.#verdict = null;
  }

  /** Brings the published output back. */
  restoreOutput() {
    if (this.#own) {
      this.#dropVerdict();
      const published = this.#publishedOutput;
      if (published) {
        published.hidden = false;
      }
      this.#host.querySelector(":scope > .live-nothing")?.removeAttribute("hidden");
      this.#own.remove();
      this.#own = null;
      this.#mark(this.badgeText ?? "");
    }
    this.ranAt = 0;
  }

  /** Brings the cell to where it can be seen: its tab is selected, what is folded round its output is opened. */
  reveal() {
    for (const inside of [this.root, this.#own].filter(Boolean)) {
      for (let panel = inside; panel; panel = panel.parentElement?.closest(".sphinx-tabs-panel[hidden]")) {
        if (panel.matches(".sphinx-tabs-panel[hidden]")) {
          document.getElementById(panel.getAttribute("aria-labelledby"))?.click();
        }
      }
    }
    const around = this.#own?.closest(".live-folded");
    if (around) {
      around.open = true;
    }
  }

  /** Brings back all that is published. */
  reset() {
    this.#closeEditor();
    this.link = null;
    this.hush();
    this.restoreOutput();
    this.#offer();
  }
}

function folded(summary, content) {
  const made = element("details", "live-folded");
  made.append(element("summary", "", summary), content);
  return made;
}

/** The lines of a unified difference; a sign begins each, so that colour isn't needed to tell them apart. */
function diffNode(diff) {
  const kinds = { "-": "live-removed", "+": "live-added" };
  const pre = element("pre", "live-diff");
  pre.append(
    ...diff
      .split("\n")
      // The head of a difference names two files and the place in them.
      .filter((line, position) => line && !(position < 2 && /^(---|\+\+\+)/.test(line)) && !line.startsWith("@@"))
      .map((line) => element("span", kinds[line[0]] ?? "", `${line}\n`)),
  );
  const box = element("div", "");
  box.append(element("p", "live-legend", "− published, + now"), pre);
  return box;
}
