// What the side panel is about: a node or an edge of the graph, by id.

export type Selection = { readonly kind: 'node' | 'edge'; readonly id: string };
