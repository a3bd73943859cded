// A program's accent, made legible in the theme that is shown.

const parse = (hex) => (/^#[0-9a-f]{6}$/i.test(hex ?? '') ? [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)) : null);

const luminance = (rgb) => {
  const [r, g, b] = rgb.map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};

const contrast = (a, b) => {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (light + 0.05) / (dark + 0.05);
};

const mix = (a, b, part) => a.map((value, at) => Math.round(value + (b[at] - value) * part));
const css = (rgb) => `rgb(${rgb.join(' ')})`;

const theme = matchMedia('(prefers-color-scheme: dark)');

/** Sets --accent, --on-accent and --accent-soft on an element; the host's own jade where there is no valid colour. */
export function setAccent(el, hex) {
  const rgb = parse(hex);
  if (!rgb) {
    for (const name of ['--accent', '--on-accent', '--accent-soft']) el.style.removeProperty(name);
    return;
  }
  const dark = theme.matches;
  const paper = dark ? [34, 39, 35] : [246, 243, 236];
  const soft = mix(paper, rgb, dark ? 0.24 : 0.12);
  const toward = dark ? [255, 255, 255] : [0, 0, 0];
  let shown = rgb;
  // On its own soft ground it must still be readable as text.
  for (let part = 0; part < 1 && (contrast(shown, soft) < 4.6 || contrast(shown, paper) < 4.6); part += 0.04) shown = mix(rgb, toward, part);
  const ink = [20, 24, 21];
  const white = [255, 255, 255];
  el.style.setProperty('--accent', css(shown));
  el.style.setProperty('--on-accent', css(contrast(shown, white) >= contrast(shown, ink) ? white : ink));
  el.style.setProperty('--accent-soft', css(soft));
}
