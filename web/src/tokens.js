// Design tokens for canvases, which can't read CSS variables themselves: resolved to plain rgb in the current theme.
export function token(name) {
  const probe = document.createElement("i");
  probe.hidden = true;
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
