import type { KaiserReply } from '../protocol.js';
import { grouped, isOn, onOff, type L10n } from '../words.js';
import type { Row } from './row.js';

/** The KAISER view: policy, flag, design, and every toggle so far. */
export function kaiserRows(kaiser: KaiserReply, l10n: L10n): Row[] {
  if (!kaiser.available) {
    const message = kaiser.message ?? l10n.t('This program does not say how its KAISER is switched.');
    return [{ id: 'kaiser/none', label: l10n.t('Not available'), description: message, icon: 'circle-slash' }];
  }
  const history = kaiser.history ?? [];
  const on = isOn(kaiser.enabled);
  return [
    {
      id: 'kaiser/state', label: l10n.t('State'), description: onOff(kaiser.enabled, l10n), value: onOff(kaiser.enabled, l10n),
      tooltip: l10n.t('The policy: what the guest\'s file `kaiser-enabled` says.'), icon: on ? 'shield' : 'unlock',
    },
    {
      id: 'kaiser/flag', label: l10n.t('Flag'), description: onOff(kaiser.flag, l10n), value: onOff(kaiser.flag, l10n),
      tooltip: l10n.t('What entry and exit code goes by before it switches CR3: a word that it tests, or how it is patched. Entry Points tells which.'), icon: 'symbol-boolean',
      // While a toggle is under way, or after a raw poke, entry code does something else than the policy says.
      spoken: isOn(kaiser.flag) === on ? undefined : l10n.t('Flag, {0}, which is not what the policy says', onOff(kaiser.flag, l10n)),
    },
    { id: 'kaiser/design', label: l10n.t('Design'), description: kaiser.design ?? l10n.t('unknown'), icon: 'symbol-structure' },
    {
      // The editor remembers a row without children as closed: once there are some, it is another row.
      id: history.length === 0 ? 'kaiser/history/none' : 'kaiser/history', label: l10n.t('History'), icon: 'history', value: String(history.length),
      description: history.length === 0 ? l10n.t('not toggled yet')
        : history.length === 1 ? l10n.t('1 toggle') : l10n.t('{0} toggles', history.length),
      expanded: true,
      children: history.length === 0 ? undefined : () => history.map((change, index) => ({
        id: `kaiser/history/${index}`,
        label: l10n.t('{0} to {1}', onOff(change.from, l10n), onOff(change.to, l10n)),
        description: l10n.t('position {0} · CPU {1} · {2}', grouped(change.position), change.cpu, change.how),
        icon: isOn(change.to) ? 'shield' : 'unlock',
      })).reverse(),
    },
  ];
}
