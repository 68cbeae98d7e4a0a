import { Option } from 'commander'
import { admins } from '../verbs/group/admins.ts'
import { createGroup } from '../verbs/group/create.ts'
import { disappearing } from '../verbs/group/disappearing.ts'
import { leave } from '../verbs/group/leave.ts'
import { addMembers, listMembers, removeMembers } from '../verbs/group/members.ts'
import { changeImage, describeGroup, rename } from '../verbs/group/metadata.ts'
import { permissions, presets } from '../verbs/group/permissions.ts'
import { addBranch, addVerb, type Tree } from './define.ts'

const ben = '0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF'

export function addGroup(tree: Tree): void {
  const group = addBranch(tree, {
    name: 'group',
    does: 'Make a group, change it, leave it.',
    examples: [
      `group create ${ben} --name Hiking`,
      'group members Hiking',
      'group permissions Hiking --set add-member=admin',
    ],
  })
  addPeople(group)
  addTexts(group)
  addRules(group)
}

function addPeople(group: Tree): void {
  addVerb(group, {
    usage: 'create [who...]',
    does: 'Make a group with these people.',
    needs: 'installation',
    options: [
      new Option('--name <name>', 'at most 100 bytes'),
      new Option('--description <text>', 'at most 1,000 bytes'),
      new Option('--image <url>', 'at most 2,048 bytes'),
      presetOption(),
      new Option('--disappearing <after>', 'messages disappear after 30s, 10m, 24h, 7d …'),
    ],
    examples: [
      `group create ${ben} --name Hiking`,
      `group create ${ben} --name Board --preset admin-only`,
    ],
    verb: createGroup,
  })
  addVerb(group, {
    usage: 'add <group> <who...>',
    does: 'Take people in. They see what is written from then on.',
    needs: 'installation',
    examples: [`group add Hiking ${ben}`],
    verb: addMembers,
  })
  addVerb(group, {
    usage: 'remove <group> <who...>',
    does: 'Take people out.',
    needs: 'installation',
    examples: [`group remove Hiking ${ben}`],
    verb: removeMembers,
  })
  addVerb(group, {
    usage: 'members <conversation>',
    does: 'List who is in, with roles and the number of their devices.',
    needs: 'installation',
    examples: ['group members Hiking', 'group members Hiking --json'],
    verb: listMembers,
  })
  addVerb(group, {
    usage: 'leave <group>',
    does: 'Ask to be removed; the client of a super admin does it when it runs.',
    needs: 'installation',
    examples: ['group leave Hiking'],
    verb: leave,
  })
}

function addTexts(group: Tree): void {
  addVerb(group, {
    usage: 'rename <group> <name>',
    does: 'Give a group another name.',
    needs: 'installation',
    examples: ['group rename Hiking "Hiking in June"'],
    verb: rename,
  })
  addVerb(group, {
    usage: 'describe <group> <text>',
    does: 'Give a group another description, of at most 1,000 bytes.',
    needs: 'installation',
    examples: ['group describe Hiking "Every Sunday at nine"'],
    verb: describeGroup,
  })
  addVerb(group, {
    usage: 'image <group> <url>',
    does: 'Give a group another picture.',
    needs: 'installation',
    examples: ['group image Hiking https://example.org/hills.png'],
    verb: changeImage,
  })
}

function addRules(group: Tree): void {
  addVerb(group, {
    usage: 'admins <group>',
    does: 'List who is admin or super admin, and change it.',
    needs: 'installation',
    options: [
      new Option('--promote <who...>', 'make members admins'),
      new Option('--super <who...>', 'make members super admins'),
      new Option('--demote <who...>', 'make them members like all others again'),
    ],
    examples: ['group admins Hiking', `group admins Hiking --promote ${ben}`],
    verb: admins,
  })
  addVerb(group, {
    usage: 'permissions <group>',
    does: 'List who may do what in a group, and change it.',
    needs: 'installation',
    options: [
      presetOption(),
      new Option(
        '--set <permission=policy...>',
        'of a permission in the list: allow, deny, admin or super-admin',
      ),
    ],
    examples: [
      'group permissions Hiking',
      'group permissions Hiking --preset admin-only',
      'group permissions Hiking --set add-member=admin name=allow',
    ],
    verb: permissions,
  })
  addVerb(group, {
    usage: 'disappearing <conversation> [after]',
    does: 'Have messages from now on disappear after a time; works for direct messages too.',
    needs: 'installation',
    examples: [
      'group disappearing Hiking',
      'group disappearing Hiking 7d',
      'group disappearing Hiking off',
    ],
    verb: disappearing,
  })
}

function presetOption(): Option {
  return new Option('--preset <preset>', 'who may do what').choices(presets)
}
