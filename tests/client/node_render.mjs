// Renders what a test gives: a JSON list of `[document, values]` in, a list of results out.

import { text } from 'node:stream/consumers';

import { render } from '../../client-node/src/rendering.js';

function result(document, given) {
  try {
    return { messages: render('a', document, given) };
  } catch ({ name, missing, place }) {
    return { error: name, missing, place };
  }
}

const cases = JSON.parse(await text(process.stdin));
process.stdout.write(JSON.stringify(cases.map(([document, given]) => result(document, given))));
