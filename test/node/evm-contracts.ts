import { concatHex, getContractAddress, keccak256, numberToHex, pad, size, type Hex } from 'viem'

// Programs of the EVM, written by hand: an instruction to a line, what it leaves on the stack behind it.

/** What a wallet answers when it signed (ERC-1271). */
const magicValue = '1626ba7e'

/** `isValidSignature(bytes32, bytes)` of a wallet with one owner: r ‖ s ‖ v of the owner's key. Nothing else is asked. */
export function walletProgram(owner: Hex): Hex {
  return concatHex([
    '0x600435600052', // hash at 0x00: PUSH1 04 CALLDATALOAD PUSH1 00 MSTORE
    '0x60a43560001a602052', // v at 0x20: PUSH1 a4 CALLDATALOAD PUSH1 00 BYTE PUSH1 20 MSTORE
    '0x606435604052', // r at 0x40: PUSH1 64 CALLDATALOAD PUSH1 40 MSTORE
    '0x608435606052', // s at 0x60: PUSH1 84 CALLDATALOAD PUSH1 60 MSTORE
    '0x6020608060806000', // from 0x00 of 0x80 bytes to 0x80 of 0x20: PUSH1 20 PUSH1 80 PUSH1 80 PUSH1 00
    '0x60015afa50', // ecrecover: PUSH1 01 GAS STATICCALL POP
    '0x608051', // the signer: PUSH1 80 MLOAD
    '0x73', // the owner: PUSH20
    owner,
    '0x14', // EQ
    `0x63${magicValue}02`, // PUSH4 MUL
    '0x60e01b600052', // on the left: PUSH1 e0 SHL PUSH1 00 MSTORE
    '0x60206000f3', // PUSH1 20 PUSH1 00 RETURN
  ])
}

/** A wallet that refuses to say anything: PUSH1 00 DUP1 REVERT. */
export const revertingProgram: Hex = '0x600080fd'

/** A wallet that takes all the gas there is: JUMPDEST PUSH1 00 JUMP. */
export const endlessProgram: Hex = '0x5b600056'

/** Makes what it is given: `salt ‖ program of creation`, at the address that follows from both (EIP-1014). */
export const factoryProgram: Hex = concatHex([
  '0x60203603', // length: PUSH1 20 CALLDATASIZE SUB
  '0x8060206000', // length, length, 0x20, 0: DUP1 PUSH1 20 PUSH1 00
  '0x37', // length: CALLDATACOPY
  '0x600035', // length, salt: PUSH1 00 CALLDATALOAD
  '0x9060006000', // salt, length, 0, 0: SWAP1 PUSH1 00 PUSH1 00
  '0xf5', // address: CREATE2
  '0x60005260206000f3', // PUSH1 00 MSTORE PUSH1 20 PUSH1 00 RETURN
])

/** The program of creation that leaves a program of less than 256 bytes. */
function creationOf(program: Hex): Hex {
  return concatHex([
    concatHex(['0x60', numberToHex(size(program), { size: 1 })]), // length: PUSH1
    '0x80600b6000', // length, length, 11, 0: DUP1 PUSH1 0b PUSH1 00
    '0x39', // length: CODECOPY
    '0x6000f3', // PUSH1 00 RETURN
    program,
  ])
}

/** A wallet that is not there yet: where it will be, and what makes it be there (ERC-6492). */
export function plannedWallet(owner: Hex, factory: Hex): { address: Hex; creation: Hex } {
  const salt = pad('0x01')
  const program = creationOf(walletProgram(owner))
  const place = { from: factory, salt, bytecodeHash: keccak256(program) }
  const address = getContractAddress({ opcode: 'CREATE2', ...place })
  return { address: address.toLowerCase() as Hex, creation: concatHex([salt, program]) }
}
