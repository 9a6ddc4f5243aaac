import type { AttributeSchema } from './launchSchema.js';
import { nearestName } from './nearest.js';

/** An attribute with a wrong name or value. */
export class AttributeError extends Error {}

/** Checks values against schemas; its messages name the attribute and its value, what is wrong and what to do. */
export class AttributeCheck {
  /**
   * @param noun what messages call an attribute
   * @param examples what to write, for attributes whose type alone does not say it, by the last part of their names
   */
  constructor(
    private readonly noun: string,
    private readonly examples: Readonly<Record<string, unknown>>,
    private readonly Failure: new (message: string) => AttributeError = AttributeError,
  ) {}

  /** The attributes with the defaults filled in. `prefix` is the name of what has them, with a dot, or nothing. */
  object(prefix: string, given: Record<string, unknown>, schema: Readonly<Record<string, AttributeSchema>>): Record<string, unknown> {
    for (const name of Object.keys(given)) {
      if (Object.hasOwn(schema, name)) continue;
      const like = nearestName(name, Object.keys(schema));
      const plural = `${this.noun.replace(/^.* /, '')}s`;
      throw new this.Failure(
        `There is no ${this.noun} "${prefix}${name}".` +
          `${like ? ` Did you mean "${prefix}${like}"?` : ''} The ${plural}${prefix ? ` of ${prefix.slice(0, -1)}` : ''} are ${Object.keys(schema).join(', ')}.`,
      );
    }
    const result: Record<string, unknown> = {};
    for (const [name, attribute] of Object.entries(schema)) result[name] = this.value(prefix + name, given[name], attribute);
    return result;
  }

  /** One value, or its default in the place of none. */
  value(name: string, value: unknown, attribute: AttributeSchema): unknown {
    if (value === undefined || value === null) {
      return attribute.properties && !attribute.isOptional ? this.object(`${name}.`, {}, attribute.properties) : attribute.default;
    }
    const wrong = (problem: string, advice: string): AttributeError => new this.Failure(`The ${this.noun} "${name}" is ${show(value)}: ${problem}. ${advice}`);
    const example = this.examples[name.replace(/^.*\./, '')] ?? attribute.default ?? (attribute.type === 'integer' ? attribute.minimum : undefined);
    const write = example === undefined || example === '' ? 'Leave it out for the default.' : `Write for example ${JSON.stringify(example)}.`;
    const types = Array.isArray(attribute.type) ? (attribute.type as readonly string[]) : [attribute.type as string];
    const isText = typeof value === 'string' && types.includes('string');
    const { items } = attribute;
    if (types.includes('array') && items && (items.type === 'object' || items.enum)) {
      if (!Array.isArray(value)) throw wrong(`it must be a list of ${items.type === 'object' ? 'objects' : 'texts'}`, write);
      return value.map((one, index) => this.value(`${name}[${index}]`, one ?? 'null', { description: '', ...items }));
    }
    if (types.includes('array')) {
      if (isText || (Array.isArray(value) && value.every(line => typeof line === 'string'))) return value;
      throw wrong(`it must be ${types.includes('string') ? 'a text or ' : ''}a list of texts`, write);
    }
    switch (types[0]) {
      case 'integer': {
        if (typeof value !== 'number') throw wrong('it must be a number', write);
        if (!Number.isInteger(value)) throw wrong('it must be a whole number', write);
        const { minimum = -Infinity, maximum = Infinity } = attribute;
        if (value < minimum || value > maximum)
          throw wrong(`it must be from ${minimum} to ${maximum}`, attribute.default === undefined ? write : `The default is ${String(attribute.default)}.`);
        return value;
      }
      case 'boolean':
        if (typeof value !== 'boolean') throw wrong('it must be true or false', 'Write it without quotes.');
        return value;
      case 'object':
        if (typeof value !== 'object' || Array.isArray(value)) throw wrong('it must be an object', write);
        for (const needed of attribute.required ?? []) {
          if (!Object.hasOwn(value, needed)) throw wrong(`it has no "${needed}"`, write);
        }
        return this.object(`${name}.`, value as Record<string, unknown>, attribute.properties ?? {});
      default: {
        if (!isText) throw wrong('it must be a text', write);
        if (attribute.enum && !attribute.enum.includes(value)) {
          const like = nearestName(value, attribute.enum);
          throw wrong('this value is unknown', `${like ? `Did you mean "${like}"? ` : ''}The values are ${attribute.enum.join(', ')}.`);
        }
        // An editor that has no value for a variable leaves the text empty.
        return value === '' ? attribute.default : value;
      }
    }
  }
}

/** A value as messages show it. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
