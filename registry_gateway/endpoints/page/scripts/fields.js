// A form whose values are also in the address bar. If they differ, the address bar applies.

const PAUSE = 200; // milliseconds after a letter was typed

export class Fields {
  /** `texts` are the names of text fields, `lists` those of groups of checkboxes. */
  constructor(form, texts, lists) {
    this.form = form;
    this.texts = texts;
    this.lists = lists;
  }

  /** The values in the address: a text or a list by name. */
  values() {
    const given = new URLSearchParams(location.search);
    const texts = this.texts.map((name) => [name, given.get(name) ?? ""]);
    const lists = this.lists.map((name) => [name, given.getAll(name).flatMap((value) => value.split(",")).filter(Boolean)]);
    return Object.fromEntries([...texts, ...lists]);
  }

  /** Values as parameters, without the empty ones. */
  parameters(values = this.values()) {
    const query = new URLSearchParams();
    for (const name of this.texts) if (values[name]) query.set(name, values[name]);
    for (const name of this.lists) if (values[name].length) query.set(name, values[name].join(","));
    return query;
  }

  /** Write values to the address bar; `replace` makes no step to go back to. */
  go(values, { replace = false } = {}) {
    const query = this.parameters(values).toString().replaceAll("%2C", ",");
    const url = location.pathname + (query && `?${query}`);
    if (url === location.pathname + location.search) return;
    if (replace) history.replaceState(null, "", url);
    else history.pushState(null, "", url);
    this.show();
  }

  /** Show the values of the address in the form. */
  show() {
    const values = this.values();
    for (const name of this.texts) {
      const field = this.form.elements[name];
      if (field && field.value !== values[name]) field.value = values[name];
    }
    for (const box of this.form.querySelectorAll("input[type=checkbox]")) box.checked = values[box.name].includes(box.value);
  }

  written() {
    const texts = this.texts.filter((name) => this.form.elements[name]).map((name) => [name, this.form.elements[name].value]);
    const lists = this.lists.map((name) => [name, [...this.form.querySelectorAll(`input[name=${name}]:checked`)].map((box) => box.value)]);
    return { ...this.values(), ...Object.fromEntries([...texts, ...lists]) };
  }

  /** Call `changed` when the reader has changed values. What is typed without a pause is one step in the history. */
  follow(changed) {
    let timer;
    let stepped = false;
    this.form.addEventListener("input", ({ target }) => {
      clearTimeout(timer);
      const typed = target.type !== "checkbox";
      timer = setTimeout(
        () => {
          this.go(this.written(), { replace: typed && stepped });
          stepped = typed;
          changed();
        },
        typed ? PAUSE : 0,
      );
    });
    this.form.addEventListener("focusin", () => (stepped = false));
    this.form.addEventListener("submit", (event) => event.preventDefault());
    addEventListener("popstate", () => {
      clearTimeout(timer);
      this.show();
      changed();
    });
    this.show();
  }

  /** Remove all values. */
  clear() {
    this.go(Object.fromEntries([...this.texts.map((name) => [name, ""]), ...this.lists.map((name) => [name, []])]));
  }
}
