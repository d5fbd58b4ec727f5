/** Who this tab is: each tab is somebody else, and stays it when it is loaded again. */
import { NAME_LENGTH_MAX } from './said.ts';

const RIVERS = [
  'Amur', 'Arno', 'Congo', 'Danube', 'Douro', 'Elbe', 'Ganges', 'Indus', 'Isar', 'Kura', 'Lena',
  'Loire', 'Mekong', 'Meuse', 'Murray', 'Neva', 'Niger', 'Nile', 'Oder', 'Po', 'Rhine', 'Rhône',
  'Seine', 'Severn', 'Spree', 'Tagus', 'Thames', 'Tiber', 'Volga', 'Yukon',
]; // prettier-ignore

/** The parts of a tab's identity that are kept. */
export interface Own {
  name: string;
  /** Begins the keys of its messages. */
  readonly tab: string;
}

const STORED = 'sluice-demo';

export function ownOf(storage: Storage): Own {
  const [tab = '', ...name] = (storage.getItem(STORED) ?? '').split(' ');
  if (tab !== '' && name.length > 0) return { tab, name: name.join(' ') };
  const river = RIVERS[Math.floor(Math.random() * RIVERS.length)] ?? 'Rhine';
  return { tab: Math.random().toString(36).slice(2, 10), name: river };
}

export function keep(storage: Storage, own: Own): void {
  storage.setItem(STORED, `${own.tab} ${own.name.slice(0, NAME_LENGTH_MAX)}`);
}
