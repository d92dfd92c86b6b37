/** What makes HTML and SVG from a cell safe; esbuild makes `_static/live/purify.js` of it when the site is built. */

export { default } from "dompurify";
