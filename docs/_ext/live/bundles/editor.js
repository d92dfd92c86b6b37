/**
 * The editor of a cell: CodeMirror with Python, in the colours that Pygments' style sheet has for the published code.
 * esbuild makes `_static/live/editor.js` of it when the site is built (see `live/interactive.py`).
 */

import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { python, pythonLanguage } from "@codemirror/lang-python";
import { bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { EditorState } from "@codemirror/state";
import { EditorView, keymap } from "@codemirror/view";
import { highlightCode, tagHighlighter, tags } from "@lezer/highlight";
import { StyleModule } from "style-mod";

// CodeMirror would write <style> elements, which the site's Content-Security-Policy refuses to scripts.
const adopted = new Set();
StyleModule.mount = (root, modules) => {
  for (const module of [modules].flat().filter((module) => !adopted.has(module))) {
    adopted.add(module);
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(module.getRules());
    document.adoptedStyleSheets.push(sheet);
  }
};

/** Pygments' names for what Lezer finds, so that edited code has the colours of published code. */
const pygments = tagHighlighter([
  { tag: tags.comment, class: "c1" },
  { tag: tags.string, class: "s2" },
  { tag: tags.special(tags.string), class: "s2" },
  { tag: tags.escape, class: "se" },
  { tag: tags.number, class: "mi" },
  { tag: [tags.bool, tags.null], class: "kc" },
  { tag: [tags.keyword, tags.controlKeyword, tags.definitionKeyword], class: "k" },
  { tag: tags.moduleKeyword, class: "kn" },
  { tag: tags.operatorKeyword, class: "ow" },
  { tag: tags.operator, class: "o" },
  { tag: tags.self, class: "bp" },
  { tag: tags.meta, class: "nd" },
  { tag: tags.function(tags.definition(tags.variableName)), class: "nf" },
  { tag: tags.definition(tags.className), class: "nc" },
  { tag: [tags.punctuation, tags.bracket, tags.paren, tags.brace], class: "p" },
]);

/** Geometry and colours of the published code; the page's own variables. */
const theme = EditorView.theme({
  "&": { fontSize: "var(--code-font-size)", color: "inherit" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--font-stack--monospace)", lineHeight: "1.5" },
  ".cm-content": { padding: "0.7rem 0", caretColor: "var(--color-foreground-primary)" },
  ".cm-line": { padding: "0 var(--live-padding)" },
  ".cm-cursor": { borderLeftColor: "var(--color-foreground-primary)" },
  "&.cm-focused .cm-matchingBracket": {
    backgroundColor: "transparent",
    outline: "1px solid var(--color-foreground-border)",
  },
});

/**
 * Puts an editor into the page.
 *
 * @param {Element} parent
 * @param {string} text
 * @param {object} options `name` and `description` (an id) for screen readers; `onChange(text)`; `onRun()`
 * @returns an object with the property `text` and the methods `focus()` and `destroy()`
 */
export function edit(parent, text, { name, description, onChange, onRun }) {
  const run = () => {
    onRun();
    return true;
  };
  let isSet = false;
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: text,
      extensions: [
        history(),
        indentUnit.of("    "),
        indentOnInput(),
        bracketMatching(),
        python(),
        syntaxHighlighting(pygments),
        theme,
        EditorView.lineWrapping,
        keymap.of([
          { key: "Shift-Enter", run },
          { key: "Mod-Enter", run },
          // From here on Tab leaves the editor, until the reader types again.
          { key: "Escape", run: (target) => (target.setTabFocusMode(true), true) },
          indentWithTab,
          ...historyKeymap,
          ...defaultKeymap,
        ]),
        EditorView.contentAttributes.of({ "aria-label": name, "aria-describedby": description }),
        EditorView.domEventHandlers({ focus: (event, target) => target.setTabFocusMode(false) }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) {
            update.view.setTabFocusMode(false);
            if (!isSet) {
              onChange(update.state.doc.toString());
            }
          }
        }),
      ],
    }),
  });
  // Keys that mean something to the page, such as "/" for its search, are letters here.
  view.dom.addEventListener("keydown", (event) => event.stopPropagation());
  return {
    get text() {
      return view.state.doc.toString();
    },
    /** Replaces the text without calling `onChange`. */
    set text(changed) {
      isSet = true;
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: changed } });
      isSet = false;
    },
    focus: () => view.focus(),
    destroy: () => view.destroy(),
  };
}

/** Returns code as a fragment, coloured as the published code is. */
export function highlight(code) {
  const fragment = document.createDocumentFragment();
  const add = (text, classes) => {
    const part = document.createElement("span");
    part.className = classes;
    part.textContent = text;
    fragment.append(classes ? part : text);
  };
  highlightCode(code, pythonLanguage.parser.parse(code), pygments, add, () => fragment.append("\n"));
  return fragment;
}
