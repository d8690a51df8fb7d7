// A bootstrap this proxy cannot start from.

/** The message says where: `bootstrap.yaml: static_resources.clusters[0]: …`. */
export class BootstrapError extends Error {}
