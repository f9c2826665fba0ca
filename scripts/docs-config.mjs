// Writes the table of options into README.md, between its config marks, and over the one in docs/cli.md. Needs a build: npm run docs:config.
import { readFileSync, writeFileSync } from 'node:fs';
import { fieldsAsMarkdown } from '../dist/config/fields.js';

const table = fieldsAsMarkdown();

const readme = new URL('../README.md', import.meta.url);
const [begin, end] = ['<!-- config:begin -->', '<!-- config:end -->'];
const text = readFileSync(readme, 'utf8');
const head = text.slice(0, text.indexOf(begin) + begin.length);
const tail = text.slice(text.indexOf(end));
writeFileSync(readme, `${head}\n\n${table}\n\n${tail}`);

const page = new URL('../docs/cli.md', import.meta.url);
const cli = readFileSync(page, 'utf8');
writeFileSync(
  page,
  cli.replace(/^\| Flag \| Variable [^]*?(?=\n\n)/m, () => table),
);
