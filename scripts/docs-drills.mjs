// Writes the table of scenarios into docs/drills.md, between its marks. Needs a build: npm run docs:drills.
import { readFileSync, writeFileSync } from 'node:fs';
import { scenariosAsMarkdown } from '../dist/drill/scenario/catalog-markdown.js';

const page = new URL('../docs/drills.md', import.meta.url);
const [begin, end] = ['<!-- drills:begin -->', '<!-- drills:end -->'];
const text = readFileSync(page, 'utf8');
const head = text.slice(0, text.indexOf(begin) + begin.length);
const tail = text.slice(text.indexOf(end));
writeFileSync(page, `${head}\n\n${scenariosAsMarkdown()}\n\n${tail}`);
