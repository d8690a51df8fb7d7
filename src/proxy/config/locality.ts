// Where an endpoint or a proxy runs (`envoy.config.core.v3.Locality`), and the name it goes by: `region/zone/sub-zone`, without what is
// empty at its end; a slash within one of them is `%2F`. Localities are equal when their names are.

export type LocalityFields = { readonly region: string; readonly zone: string; readonly subZone: string };

export function localityName(locality: LocalityFields | undefined): string {
  const { region, zone, subZone } = locality ?? NOWHERE;
  return [region, zone, subZone].map(escaped).join('/').replace(/\/+$/, '');
}

export function localityFields(name: string): LocalityFields {
  const [region = '', zone = '', subZone = ''] = name.split('/').map(unescaped);
  return { region, zone, subZone };
}

const NOWHERE: LocalityFields = { region: '', zone: '', subZone: '' };

function escaped(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('/', '%2F');
}

function unescaped(text: string): string {
  return text.replaceAll('%2F', '/').replaceAll('%25', '%');
}
