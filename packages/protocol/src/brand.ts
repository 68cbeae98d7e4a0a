declare const brand: unique symbol

/** A `T` that only a parser can make: the name says what has been checked. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name }
