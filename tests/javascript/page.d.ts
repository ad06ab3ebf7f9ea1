// What the page's scripts rely on and TypeScript's own library does not say.

// The elements are those of the page's HTML, which TypeScript does not read: it can't tell an input from a dialog.
interface Document {
  getElementById(id: string): any;
}
interface ParentNode {
  querySelector(selectors: string): any;
  querySelectorAll(selectors: string): NodeListOf<any>;
}
interface EventTarget {
  readonly name?: any;
  readonly type?: any;
  closest?(selectors: string): any;
}

/** Numbers that a double can't hold, where the browser has this. */
interface JSON {
  rawJSON?(text: string): unknown;
}

/** A time element that `tick` in text.js keeps current. */
interface HTMLTimeElement {
  at?: number;
  words?: (seconds: number) => string;
}
