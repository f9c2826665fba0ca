import createRouter from 'find-my-way';
import type { Exchange } from './exchange.ts';

export type Handler = (exchange: Exchange) => Promise<void> | void;
export type Method = 'GET' | 'PUT' | 'DELETE' | 'POST';

/** A resource: an exact path, or one that ends in `/*` and matches everything after it. */
export interface Resource {
  readonly path: string;
  readonly methods: Readonly<Partial<Record<Method, Handler>>>;
  /** True to answer HEAD as GET without a body; not for endless answers. */
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
  readonly #router = createRouter();

  constructor(resources: readonly Resource[]) {
    // Only the path is looked up: the resource itself knows its methods.
    for (const resource of resources) this.#router.on('GET', resource.path, () => {}, resource);
  }

  route(method: string, path: string): Routed {
    // The library decodes the matched path and stops at `#`; we decode keys ourselves, so it sees neither.
    const found = this.#router.find('GET', path.replaceAll(/[%#?]/g, '_'));
    if (found === null || !path.startsWith('/')) return { kind: 'unknown' };
    const resource = found.store as Resource;
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
