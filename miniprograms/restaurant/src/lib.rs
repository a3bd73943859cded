//! NOTE: the pictures are drawn already, see common/ (dishes/*.svg, hero.svg, icon.svg, empty-cart.svg).
//! A Youji mini-program.
