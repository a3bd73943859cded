// What the restaurant's English pages say, in one place.

export const DISH = 'Braised beef noodles';

export const words = {
  restaurant: 'Organic Kitchen',
  add: /^Add to cart/,
  cart: /^Cart/,
  pay: /^Pay/,
  note: /Note/,
  paid: /Paid/,
  ready: /Ready/,
  kitchen: /^Kitchen/,
  markReady: /^Ready/,
};
