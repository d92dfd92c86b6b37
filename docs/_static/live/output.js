/**
 * Shows outputs in nbformat's shape with the markup that the built page has for them (docs/_ext/live/render.py), so
 * that they look the same.
 */

import { element } from "./dom.js";
import purify from "./purify.js";

/** Of the forms of an output the first of these is shown, as in the build (render_priority_html). */
const PRIORITY = ["text/html", "image/svg+xml", "image/png", "image/jpeg", "text/plain"];

/** Characters of text of one cell that are shown. A loop that prints would fill the page. */
const MOST_TEXT = 100_000;

/** What output is made of. Nothing that runs, sends or covers: the page's policy forbids scripts besides. */
const SAFE = {
  USE_PROFILES: { html: true, svg: true, svgFilters: true },
  FORBID_TAGS: ["style", "form", "input", "button", "textarea", "select", "dialog", "audio", "video"],
  RETURN_DOM_FRAGMENT: true,
};

const COLOURS = /\x1b\[.*?[@-~]/g;

/** The outputs of one run of a cell, as they come. */
export class Outputs {
  list = [];
  #clearFirst = false;

  /** Takes one output or instruction. */
  add(output) {
    if (output.output_type === "clear_output") {
      this.#clearFirst = Boolean(output.wait);
      if (!output.wait) {
        this.list = [];
      }
      return;
    }
    if (this.#clearFirst) {
      this.list = [];
      this.#clearFirst = false;
    }
    const id = output.transient?.display_id;
    const known = id ? this.list.filter((other) => other.transient?.display_id === id) : [];
    const last = this.list.at(-1);
    if (known.length) {
      known.forEach((other) => Object.assign(other, { data: output.data, metadata: output.metadata }));
    } else if (output.output_type === "stream" && last?.output_type === "stream" && last.name === output.name) {
      if (last.text.length <= MOST_TEXT) {
        last.text += output.text;
      }
    } else if (output.output_type !== "update_display_data") {
      this.list.push({ ...output });
    }
  }

  /** The exception that ended the cell, if one did. */
  get error() {
    return this.list.find((output) => output.output_type === "error");
  }
}

/**
 * Makes the nodes of a cell's outputs.
 *
 * @param {object[]} outputs
 * @param {string} label of the cell, for pictures without a text of their own
 */
export function nodesOf(outputs, label) {
  let left = MOST_TEXT;
  const nodes = [];
  for (const output of outputs) {
    if (output.output_type === "stream") {
      if (left > 0) {
        nodes.push(streamNode(output.name, output.text.slice(0, left)));
        left -= output.text.length;
      }
    } else if (output.output_type === "error") {
      nodes.push(errorNode(output.explained));
    } else {
      const node = richNode(output, label);
      if (node) {
        nodes.push(node);
      }
    }
  }
  if (left < 0) {
    const most = MOST_TEXT.toLocaleString("en-GB");
    nodes.push(element("p", "live-why", `The text is longer. Its first ${most} characters are shown.`));
  }
  return nodes;
}

/** A block of text as Sphinx makes it, with the classes of its outermost element. */
function block(classes, language, ...content) {
  const outer = element("div", `${classes} highlight-${language} notranslate`);
  const inner = element("div", "highlight");
  const pre = element("pre", "");
  pre.append(...content);
  inner.append(pre);
  outer.append(inner);
  return outer;
}

function streamNode(name, text) {
  const plain = text.replace(COLOURS, "");
  if (name === "stderr") {
    const outer = element("div", "stderr docutils container");
    outer.append(element("pre", "stderr literal-block", plain));
    return outer;
  }
  return block("output stream", "none", plain);
}

/** Code that gets its colours as soon as the editor is here, which knows them. */
function coloured(code) {
  const text = document.createTextNode(code);
  import("./editor.js").then(
    ({ highlight }) => text.replaceWith(highlight(code)),
    () => {}, // without them it can be read too
  );
  return text;
}

function errorNode({ lines, name, rest, full }) {
  const error = element("div", "output live-error docutils container");
  for (const [number, line] of lines) {
    error.append(block("live-error-line", "ipython3", element("span", "linenos", number), coloured(line), "\n"));
  }
  const message = element("pre", "live-error-message literal-block");
  message.append(element("span", "live-error-name", name), rest);
  error.append(message);
  if (full) {
    const folded = element("details", "live-folded");
    folded.append(element("summary", "", "Full traceback"), block("live-traceback", "none", full));
    error.append(folded);
  }
  return error;
}

function richNode({ data, metadata = {} }, label) {
  const kind = PRIORITY.find((candidate) => candidate in data);
  const content = [data[kind]].flat().join("");
  switch (kind) {
    case "text/html":
      return safely("text_html", content);
    case "image/svg+xml":
      return safely("image_svg", content);
    case "image/png":
    case "image/jpeg": {
      const said = { ...metadata, ...metadata[kind] };
      const picture = element("img", "output image_file no-scaled-link");
      picture.alt = said.alt ?? `Output of cell ${label}`;
      if (said.width && said.height) {
        [picture.width, picture.height] = [said.width, said.height];
      }
      picture.src = `data:${kind};base64,${content.replace(/\s/g, "")}`;
      return picture;
    }
    case "text/plain":
      return block("output text_plain", "none", `${content.replace(COLOURS, "")}\n`);
    default:
      return null;
  }
}

/** HTML or SVG that a cell made, in a box that nothing in it can leave. */
function safely(className, markup) {
  const outer = element("div", `output ${className} live-contained`);
  outer.append(purify.sanitize(markup, SAFE));
  return outer;
}
