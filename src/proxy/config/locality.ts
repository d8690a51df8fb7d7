// Where an endpoint or a proxy runs (`envoy.config.core.v3.Locality`), and the name it goes by: `region/zone/sub-zone`, without what is
// empty at its end. Localities are equal when their names are.

export type LocalityFields = { readonly region: string; readonly zone: string; readonly subZone: string };

export function localityName(locality: LocalityFields | undefined): string {
  return [locality?.region ?? '', locality?.zone ?? '', locality?.subZone ?? ''].join('/').replace(/\/+$/, '');
}

export function localityFields(name: string): LocalityFields {
  const [region = '', zone = '', subZone = ''] = name.split('/');
  return { region, zone, subZone };
}
