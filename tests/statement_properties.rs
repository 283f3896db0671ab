//! What holds for every text: identity where no rule applies, nothing changed outside of spans,
//! no panic, linear time; and a real grammar that judges the lexer.
