//! Expressions that find accessibility problems of a page.

/// Texts whose contrast with their background is below 4.5:1 (WCAG 2).
pub(crate) const FAINT: &str = r"(() => {
  const channel = (c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const parse = (text) => {
    const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
    return { r: r / 255, g: g / 255, b: b / 255, a };
  };
  const light = ({ r, g, b }) =>
    0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = (element) => {
    if (element.closest('svg')) {
      const card = element.closest('svg').querySelectorAll('rect')[1];
      return card ? parse(getComputedStyle(card).fill) : { r: 1, g: 1, b: 1 };
    }
    for (let it = element; it; it = it.parentElement) {
      const color = parse(getComputedStyle(it).backgroundColor);
      if (color.a > 0.99) return color;
    }
    return { r: 1, g: 1, b: 1 };
  };
  const faint = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (walker.currentNode.data.trim() === '' || element.closest('script, title, dialog')) continue;
    const box = element.getBoundingClientRect();
    if (box.width < 2 || box.height < 2) continue;
    const style = getComputedStyle(element);
    const fore = parse(element.closest('svg') ? style.fill : style.color);
    const [a, b] = [light(fore), light(behind(element))].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < 4.5) {
      faint.add(`${walker.currentNode.data.trim().slice(0, 40)}: ${contrast.toFixed(2)}`);
    }
  }
  return [...faint];
})()";

/// Controls and images without an accessible name.
pub(crate) const NAMELESS: &str = r"[...document.querySelectorAll('a, button, input, svg')]
  .filter((it) => it.getAttribute('aria-hidden') !== 'true')
  .filter((it) => {
    const own = it.getAttribute('aria-label') ?? it.textContent.trim();
    return own === '' && (it.labels?.[0]?.textContent ?? '').trim() === '';
  })
  .map((it) => it.outerHTML.slice(0, 80))";
