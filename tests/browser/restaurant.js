// What the restaurant's English pages say, in one place.

export const DISH = 'Braised beef noodles';
/** What it costs as it stands on the menu. */
export const PRICE = 36;

export const words = {
  restaurant: 'Lantern Kitchen',
  add: /^Add to basket/,
  cart: /^Basket/,
  pay: /^Pay\b/,
  note: 'Note for the kitchen',
  paid: 'The kitchen has it.',
  ready: 'Eat while it is hot!',
  kitchen: /^Kitchen/,
  start: /^Start/,
  markReady: /^Ready/,
  table: 'Table 7',
};
