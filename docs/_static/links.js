// Let a link lead to what is hidden: it opens the tab, and whatever is folded, that holds its target.

function reveal(target) {
  const around = [];
  for (let element = target; element; element = element.parentElement) around.unshift(element);
  for (const element of around) {
    if (element.localName === "details") element.open = true;
    if (!element.matches(".sphinx-tabs-panel[hidden]")) continue;
    const tab = document.querySelector(`[aria-controls="${CSS.escape(element.id)}"]`);
    // The two functions of sphinx-tabs. Its click would also select tabs of the same name for the whole visit.
    window.deselectTabList(tab);
    window.selectTab(tab);
    for (const other of tab.parentElement.children) other.tabIndex = other === tab ? 0 : -1;
  }
}

function follow() {
  let target;
  try {
    target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  } catch {
    return; // Not an address that this site wrote.
  }
  if (!target) return;
  reveal(target);
  // The theme scrolls smoothly, which takes seconds on a long page, and the way is not what was asked for.
  target.scrollIntoView({ behavior: "instant" });
}

window.addEventListener("hashchange", follow);
// After sphinx-tabs, which opens at this event the tabs that the reader chose on other pages.
window.addEventListener("DOMContentLoaded", follow);
// The address doesn't change when a reader follows the same link once more.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href*='#']");
  if (link && link.href === location.href) follow();
});
