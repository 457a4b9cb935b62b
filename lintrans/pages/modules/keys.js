// Keys of a whole page: a table of what each does, which is also what the help says.

const TEXT = ["INPUT", "SELECT", "TEXTAREA"];

/**
 * Listen for keys; `table` is [key, words, action], with "Ctrl+" before a key where it belongs. A page in a file
 * listens everywhere, a widget only within itself. Texts and buttons keep the keys that they use themselves.
 */
export function listenToKeys(session, table) {
  const root = session.el.id === "page" ? document : session.el;
  const actions = new Map(table.map(([key, , action]) => [key, action]));
  const onKey = (event) => {
    const control = event.ctrlKey || event.metaKey;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const name = `${control ? "Ctrl+" : ""}${event.shiftKey && control ? "Shift+" : ""}${key}`;
    const action = actions.get(name);
    if (action === undefined || event.altKey || isTaken(event)) return;
    event.preventDefault();
    action();
  };
  root.addEventListener("keydown", onKey, { signal: session.signal });
}

function isTaken({ target, key }) {
  if (target.type === "range" || target.type === "checkbox") return false;
  return TEXT.includes(target.tagName) || (key === " " && ["BUTTON", "SUMMARY"].includes(target.tagName));
}
