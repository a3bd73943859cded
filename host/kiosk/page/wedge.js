// A hand scanner types like a keyboard, only faster, and ends with Enter. Its text is caught wherever the focus is.

const GAP = 45;
const ADDRESS = /^https?:\/\/\S{8,}$/i;

/** Calls `found(text)` for each burst. */
export function watchWedge(found) {
  let text = '';
  let last = 0;
  addEventListener(
    'keydown',
    (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
      const now = event.timeStamp;
      if (now - last > GAP) text = '';
      last = now;
      if (event.key.length === 1) {
        text = (text + event.key).slice(-600);
        return;
      }
      if (event.key !== 'Enter' || text.length < 6) return;
      const field = event.target?.closest?.('input, textarea, select');
      // Fast typing in a field is typing, unless it is an address such as scan codes hold; a program's field may want that too.
      if (field && (!ADDRESS.test(text) || field.closest('.program-body'))) {
        text = '';
        return;
      }
      event.preventDefault();
      event.stopPropagation();
      if (field && typeof field.value === 'string' && field.value.endsWith(text)) {
        field.value = field.value.slice(0, -text.length);
        field.dispatchEvent(new Event('input', { bubbles: true }));
      }
      found(text);
      text = '';
    },
    true,
  );
}
