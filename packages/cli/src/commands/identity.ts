import { Option } from 'commander'
import { canMessage } from '../verbs/can-message.ts'
import {
  addWallet,
  createIdentity,
  recovery,
  removeWallet,
  showIdentity,
} from '../verbs/identity.ts'
import { inbox } from '../verbs/inbox.ts'
import { listInstallations, revokeInstallations } from '../verbs/installations.ts'
import { addBranch, addVerb, type Tree } from './define.ts'

const somebody = '0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf'

export function addIdentity(tree: Tree): void {
  const identity = addBranch(tree, {
    name: 'identity',
    does: 'Make an inbox for a wallet, show it, change who it belongs to.',
    examples: ['identity create', 'identity show', 'identity add-wallet ./second.key'],
  })
  addVerb(identity, {
    usage: 'create',
    does: 'Make a wallet key, an inbox and an installation on this device: whatever is missing.',
    needs: 'store',
    examples: ['identity create', 'identity create --key-file ./alice.key'],
    verb: createIdentity,
  })
  addVerb(identity, {
    usage: 'show',
    does: 'Show account, inbox, and the installation of this device. Changes nothing.',
    needs: 'store',
    examples: ['identity show', 'identity show --json'],
    verb: showIdentity,
  })
  addVerb(identity, {
    usage: 'add-wallet <key-file>',
    does: 'Add the account of another wallet key: whoever has it can read and write here too.',
    needs: 'installation',
    options: [new Option('--take', 'take the account from the inbox that it belongs to')],
    examples: ['identity add-wallet ./second.key'],
    verb: addWallet,
  })
  addVerb(identity, {
    usage: 'remove-wallet <address>',
    does: 'Remove an account, and the installations that it added. The recovery account signs.',
    needs: 'installation',
    examples: [`identity remove-wallet ${somebody}`],
    verb: removeWallet,
  })
  addVerb(identity, {
    usage: 'recovery <address>',
    does: 'Name the account that may remove accounts and installations from now on, and nobody else.',
    needs: 'installation',
    examples: [`identity recovery ${somebody}`],
    verb: recovery,
  })
}

export function addInstallations(tree: Tree): void {
  const installations = addBranch(tree, {
    name: 'installations',
    does: 'List the installations of an inbox, or revoke some. An inbox has ten at most.',
    examples: ['installations list', 'installations revoke 3f9a2c1b'],
  })
  addVerb(installations, {
    usage: 'list [who]',
    does: 'List the installations of an inbox: the own one unless somebody is named. Makes none.',
    needs: 'store',
    examples: ['installations list', `installations list ${somebody}`],
    verb: listInstallations,
  })
  addVerb(installations, {
    usage: 'revoke [installation...]',
    does: 'Revoke installations of the own inbox, this device’s too if it is named. Makes none.',
    needs: 'store',
    options: [new Option('--all-others', 'all but this device’s; all of them where it has none')],
    examples: ['installations revoke 3f9a2c1b', 'installations revoke --all-others'],
    verb: revokeInstallations,
  })
}

export function addOthers(tree: Tree): void {
  addVerb(tree, {
    usage: 'inbox <who>',
    does: 'Show the accounts and installations of anybody. Needs no key.',
    needs: 'network',
    examples: [`inbox ${somebody}`],
    verb: inbox,
  })
  addVerb(tree, {
    usage: 'can-message <address...>',
    does: 'Tell who has an inbox. Needs no key; ends with 5 if somebody has none.',
    needs: 'network',
    examples: [`can-message ${somebody}`],
    verb: canMessage,
  })
}
