import type { Exchange } from './exchange.ts';

export type Handler = (exchange: Exchange) => Promise<void> | void;
export type Method = 'GET' | 'PUT' | 'DELETE' | 'POST';

/** One resource: an exact path, or one that ends in `/*` and takes everything behind it. */
export interface Resource {
  readonly path: string;
  readonly methods: Readonly<Partial<Record<Method, Handler>>>;
  /** Answers HEAD as GET without a body; not for endless answers. */
  readonly head?: boolean;
}

export type Routed =
  | {
      readonly kind: 'found';
      readonly handler: Handler;
      readonly route: string;
      readonly tail: string;
    }
  | { readonly kind: 'method'; readonly route: string; readonly allowed: readonly string[] }
  | { readonly kind: 'unknown' };

/** Finds the handler of a raw path. */
export class Router {
  readonly #exact = new Map<string, Resource>();
  /** By what stands before their `*`. */
  readonly #open: (readonly [string, Resource])[] = [];

  constructor(resources: readonly Resource[]) {
    for (const resource of resources) {
      if (resource.path.endsWith('/*')) this.#open.push([resource.path.slice(0, -1), resource]);
      else this.#exact.set(resource.path, resource);
    }
  }

  route(method: string, path: string): Routed {
    const resource =
      this.#exact.get(path) ?? this.#open.find(([head]) => path.startsWith(head))?.[1];
    if (resource === undefined) return { kind: 'unknown' };
    const route = resource.path;
    const asked = method === 'HEAD' && resource.head !== false ? 'GET' : method;
    const handler = Object.entries(resource.methods).find(([name]) => name === asked)?.[1];
    if (handler === undefined) return { kind: 'method', route, allowed: allowedOf(resource) };
    const tail = route.endsWith('*') ? path.slice(route.length - 1) : '';
    return { kind: 'found', handler, route, tail };
  }
}

function allowedOf({ methods, head }: Resource): readonly string[] {
  const names = Object.keys(methods);
  return methods.GET !== undefined && head !== false ? ['HEAD', ...names] : names;
}
