/** Says how Run works. */

import { button, element } from "./dom.js";

const SENTENCES = [
  "Cells run in your own browser. Python, Django and a simulated S3 come from this site. Your code is sent nowhere.",
  "Run first runs the notebook's earlier cells, if they haven't run yet. Cells that have run are not run again, as in " +
    "any notebook. If you change an earlier cell after it ran, the next Run starts a new Python and runs the cells " +
    "from the top, so that your change counts.",
  "Run all above starts a new Python, runs every earlier cell of the notebook, and shows what each puts out. The cell " +
    "itself doesn't run.",
  "Stop ends Python, an endless loop too. What it held is gone, and the next Run starts afresh. Each notebook has a " +
    "Python of its own, and there is one at a time.",
  "After each run you see whether the output is the published one. Ids, times and signatures, which are never the " +
    "same twice, don't count.",
  "Your edits stay in this browser, for this page. Copy link puts them into a link. Whoever opens it sees your code, " +
    "and nothing runs until they press Run. Reset brings back what is published.",
  "Keys: Shift+Enter runs the cell that you edit. Tab indents. Esc, then Tab, leaves the editor.",
];

let dialog = null;

/** Opens the text. */
export function showHelp() {
  if (!dialog) {
    dialog = element("dialog", "live-help");
    const title = element("p", "live-help-title", "How Run works");
    title.id = "live-help-title";
    dialog.setAttribute("aria-labelledby", title.id);
    dialog.append(title, ...SENTENCES.map((sentence) => element("p", "", sentence)));
    dialog.append(button("Close", () => dialog.close()));
    document.body.append(dialog);
  }
  dialog.showModal();
}
