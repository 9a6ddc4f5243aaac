// Writes what follows from src/dap/launchSchema.ts: the manifest's configurationAttributes, the `launch.*` texts of
// package.nls.json, and docs/launch.md; and from src/dap/scenarioSchema.ts the schema of scenario files. With `--check` it writes nothing and fails when one of them is not current.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Problem, root, runMain } from './lib/run.mjs';
import { importTypeScript } from './lib/typescript.mjs';

await runMain(async () => {
  const { launchAttributes } = await importTypeScript('src/dap/launchSchema.ts');
  const { scenarioJsonSchema } = await importTypeScript('src/dap/scenarioSchema.ts');
  const files = {
    'package.json': generateManifest(launchAttributes),
    'package.nls.json': generateTexts(launchAttributes),
    'docs/launch.md': generateDocument(launchAttributes),
    'schemas/scenario.schema.json': toJson(scenarioJsonSchema()),
  };
  const check = process.argv.includes('--check');
  const outdated = [];
  for (const [file, text] of Object.entries(files)) {
    const target = path.join(root, file);
    let old;
    try {
      old = readFileSync(target, 'utf8');
    } catch {
      old = undefined;
    }
    if (old === text) continue;
    outdated.push(file);
    if (!check) writeFileSync(target, text);
  }
  if (check && outdated.length > 0) {
    throw new Problem(`Not current: ${outdated.join(', ')}. Run \`npm run generate\` and commit the result.`);
  }
});

function readJson(file) {
  return JSON.parse(readFileSync(path.join(root, file), 'utf8'));
}

function toJson(value) {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

function generateManifest(attributes) {
  const manifest = readJson('package.json');
  const launcher = manifest.contributes.debuggers.find(entry => entry.type === 'kaiserscope');
  launcher.configurationAttributes = { launch: { properties: localizeAll(attributes, 'launch', () => {}) } };
  return toJson(manifest);
}

/** Texts that other parts own stay; the `launch.*` ones are replaced as a whole. */
function generateTexts(attributes) {
  const texts = Object.fromEntries(Object.entries(readJson('package.nls.json')).filter(([key]) => !key.startsWith('launch.')));
  localizeAll(attributes, 'launch', (key, text) => { texts[key] = text; });
  return toJson(texts);
}

/** The attributes with a `%key%` for each text; `define` is told every key and its English text. */
function localizeAll(attributes, prefix, define) {
  return Object.fromEntries(Object.entries(attributes).map(([name, attribute]) => {
    const key = `${prefix}.${name}`;
    const { description, enumDescriptions, properties, items, ...rest } = attribute;
    define(key, description);
    const markdown = description.includes('`') ? 'markdownDescription' : 'description';
    return [name, {
      ...rest,
      [markdown]: `%${key}%`,
      ...(enumDescriptions && { markdownEnumDescriptions: enumDescriptions.map((text, index) => {
        const enumKey = `${key}.${attribute.enum[index]}`;
        define(enumKey, text);
        return `%${enumKey}%`;
      }) }),
      ...(properties && { properties: localizeAll(properties, key, define) }),
      ...(items && { items: items.description === undefined ? items : localizeAll({ items }, key, define).items }),
    }];
  }));
}

function generateDocument(attributes) {
  const rows = Object.entries(attributes).flatMap(([name, attribute]) => [
    row(name, attribute),
    ...Object.entries(attribute.properties ?? {}).map(([inner, innerAttribute]) => row(`${name}.${inner}`, innerAttribute)),
    ...Object.entries(attribute.items?.properties ?? {}).map(([inner, innerAttribute]) => row(`${name}[].${inner}`, innerAttribute)),
  ]);
  return `# Launch attributes

<!-- Written by scripts/generate-manifest.mjs from src/dap/launchSchema.ts: change that and run \`npm run generate\`. -->

A configuration of \`launch.json\` has \`"type": "kaiserscope"\`, \`"request": "launch"\`, a \`"name"\`, and any of these.
Every attribute may be left out.

| attribute | type | default | meaning |
|---|---|---|---|
${rows.join('\n')}
`;
}

function row(name, { type, enum: values, minimum, maximum, default: initial, description, enumDescriptions }) {
  const kinds = Array.isArray(type) ? type.join(' or ') : type;
  const range = values ? values.map(value => `\`"${value}"\``).join(', ') : minimum === undefined ? kinds : `${kinds}, ${minimum} to ${maximum}`;
  const meaning = [description, ...(enumDescriptions ?? []).map((text, index) => `\`${values[index]}\`: ${text}`)].join(' ');
  return `| \`${name}\` | ${range} | ${initial === undefined ? '' : `\`${JSON.stringify(initial)}\``} | ${meaning.replaceAll('|', '\\|')} |`;
}
