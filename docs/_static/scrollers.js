// Let the keyboard reach whatever is wider than the page and scrolls by itself, and nothing else: a stop at
// each piece of code would make the way through a page long.

const scrolls = "pre, .text_html, .image_svg, .table-wrapper";

function isScroller({ scrollWidth, clientWidth, scrollHeight, clientHeight }) {
  return scrollWidth > clientWidth || scrollHeight > clientHeight;
}

const sizes = new ResizeObserver((entries) => {
  // All are measured before one is changed, so that the browser lays the page out once.
  const measured = entries.map(({ target }) => [target, isScroller(target)]);
  for (const [element, scroller] of measured) {
    if (scroller) element.tabIndex = 0;
    else element.removeAttribute("tabindex");
  }
});

function observe(within) {
  for (const element of within.querySelectorAll(scrolls)) sizes.observe(element);
}

observe(document);
// What a cell shows after it has run is new.
new MutationObserver((changes) => {
  for (const { target } of changes) observe(target);
}).observe(document.body, { childList: true, subtree: true });
