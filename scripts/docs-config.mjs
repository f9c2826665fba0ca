// Writes the table of options into docs/configuration.md, between its config marks. Needs a build: npm run docs:config.
import { readFileSync, writeFileSync } from 'node:fs';
import { fieldsAsMarkdown } from '../dist/config/fields.js';

const page = new URL('../docs/configuration.md', import.meta.url);
const [begin, end] = ['<!-- config:begin -->', '<!-- config:end -->'];
const text = readFileSync(page, 'utf8');
const head = text.slice(0, text.indexOf(begin) + begin.length);
const tail = text.slice(text.indexOf(end));
writeFileSync(page, `${head}\n\n${fieldsAsMarkdown()}\n\n${tail}`);
