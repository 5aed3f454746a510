// Parse Mustache for prompts: without escaping, set delimiters, lambdas and inheritance. `\{{` is a literal `{{`.
// A registry has checked each text and put the partials in, so errors are short here.

export const NAME = '[A-Za-z_][A-Za-z0-9_.-]*';
const SPACE = '[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]*'; // Python's \s
const BRACED = `\\{${SPACE}(?<braced>${NAME}|\\.)${SPACE}\\}\\}\\}`;
const PLAIN = `${SPACE}(?:(?<sigil>[#^/&])${SPACE})?(?<plain>${NAME}|\\.)${SPACE}\\}\\}`;
const TAG = new RegExp(`\\{\\{(?:${BRACED}|${PLAIN}|${SPACE}(?<comment>!))`, 'y');
const REST_OF_LINE = /[ \t]*(?:\r?\n|$)/y;
const ITEM = '.'; // the name of the item of the innermost section

/**
 * Parse a text: `nodes` are literals (strings), values `{ name, parts }` and sections
 * `{ name, parts, inverted, inner }`; `uses` are the names in order, `isOuter` if they are values outside of
 * sections. Throws an Error if it is no Mustache.
 */
export function parse(text) {
  return new Reader(text).read();
}

/** Split a dotted name into its parts; the item has none. */
export function split(name) {
  return name === ITEM ? [] : name.split('.');
}

function isSection(sigil) {
  return sigil === '#' || sigil === '^';
}

class Reader {
  #text;
  #end = 0; // what is before it has been read
  #nodes = [];
  #literal = ''; // follows the nodes, not yet one of them
  #open = []; // sections, each with the nodes around it
  #uses = [];

  constructor(text) {
    this.#text = text;
  }

  read() {
    const text = this.#text;
    for (let start; (start = text.indexOf('{{', this.#end)) >= 0; ) {
      if (start > this.#end && text[start - 1] === '\\') {
        this.#keep(start - 1, start + 2);
        this.#literal += '{{';
      } else this.#tag(start);
    }
    this.#keep(text.length, text.length);
    this.#join();
    if (this.#open.length) throw new Error(`not Mustache: {{#${this.#open.at(-1).name}}} is not closed`);
    return { nodes: this.#nodes, uses: this.#uses };
  }

  #tag(start) {
    TAG.lastIndex = start;
    const found = TAG.exec(this.#text);
    if (!found) throw this.#wrong(start);
    const { braced, sigil = '', plain, comment } = found.groups;
    const name = braced ?? plain;
    let end = TAG.lastIndex;
    if (comment) {
      end = this.#text.indexOf('}}', end) + 2;
      if (end < 2) throw this.#wrong(start);
    } else if (name === ITEM && this.#open.every(({ inverted }) => inverted)) throw this.#wrong(start);
    if (comment || isSection(sigil) || sigil === '/') this.#keep(...this.#line(start, end));
    else this.#keep(start, end);
    if (sigil === '/') this.#close(name, start);
    else if (!comment) this.#add(name, sigil);
  }

  #add(name, sigil) {
    if (name !== ITEM) this.#uses.push({ name, isOuter: !isSection(sigil) && !this.#open.length });
    this.#join();
    const node = { name, parts: split(name) };
    if (isSection(sigil)) {
      this.#open.push({ ...node, inverted: sigil === '^', around: this.#nodes });
      this.#nodes = [];
    } else this.#nodes.push(node);
  }

  #close(name, start) {
    const opened = this.#open.pop();
    if (opened?.name !== name) throw this.#wrong(start);
    this.#join();
    const { around, ...node } = opened;
    around.push({ ...node, inner: this.#nodes });
    this.#nodes = around;
  }

  /** Keep the text up to one place as a literal, and continue at another. */
  #keep(until, end) {
    if (until > this.#end) this.#literal += this.#text.slice(this.#end, until);
    this.#end = end;
  }

  #join() {
    if (this.#literal) this.#nodes.push(this.#literal);
    this.#literal = '';
  }

  /** Return the range of a tag without output: its whole line, if it is alone there. */
  #line(start, end) {
    const text = this.#text;
    const line = text.slice(this.#end, start).lastIndexOf('\n') + 1 + this.#end;
    if (line === this.#end && line && text[line - 1] !== '\n') return [start, end]; // another tag is before it
    REST_OF_LINE.lastIndex = end;
    const isAlone = /^[ \t]*$/.test(text.slice(line, start)) && REST_OF_LINE.test(text);
    return isAlone ? [line, REST_OF_LINE.lastIndex] : [start, end];
  }

  #wrong(start) {
    return new Error(`not Mustache: ${JSON.stringify(this.#text.slice(start, start + 60))} at ${start}`);
  }
}
