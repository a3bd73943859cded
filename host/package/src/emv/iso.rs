//! Currencies and countries that a code may name: ISO 4217 and ISO 3166-1, without metals, funds and test codes.

/// ISO 4217 numbers of money that people pay with, rising.
#[rustfmt::skip]
const CURRENCIES: &[u16] = &[
    8, 12, 32, 36, 44, 48, 50, 51, 52, 60, 64, 68, 72, 84, 90, 96, 104, 108, 116, 124, 132, 136, 144, 152, 156, 170, 174, 188, 192,
    203, 208, 214, 222, 230, 232, 238, 242, 262, 270, 292, 320, 324, 328, 332, 340, 344, 348, 352, 356, 360, 364, 368, 376, 388, 392,
    398, 400, 404, 408, 410, 414, 417, 418, 422, 426, 430, 434, 446, 454, 458, 462, 480, 484, 496, 498, 504, 512, 516, 524, 532, 533,
    548, 554, 558, 566, 578, 586, 590, 598, 600, 604, 608, 634, 643, 646, 654, 682, 690, 702, 704, 706, 710, 728, 748, 752, 756, 760,
    764, 776, 780, 784, 788, 800, 807, 818, 826, 834, 840, 858, 860, 882, 886, 901, 924, 925, 926, 928, 929, 930, 933, 934, 936, 938,
    941, 943, 944, 946, 949, 950, 951, 952, 953, 967, 968, 969, 971, 972, 973, 975, 976, 977, 978, 980, 981, 985, 986,
];

/// Of these an amount has no decimal places, rising.
const WHOLE: &[u16] = &[108, 152, 174, 262, 324, 352, 392, 410, 548, 600, 646, 704, 800, 950, 952, 953];

/// Of these it has three, rising.
const THREE: &[u16] = &[48, 368, 400, 414, 434, 512, 788];

/// ISO 3166-1 alpha-2, in the order of the alphabet.
#[rustfmt::skip]
const COUNTRIES: &str = "\
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ \
    CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO \
    FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE \
    JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO \
    MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW \
    PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM \
    TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

/// Decimal places of a currency's amounts; none for a number that is no currency.
pub(super) fn places(currency: u16) -> Option<usize> {
    CURRENCIES.binary_search(&currency).ok()?;
    Some(match currency {
        _ if WHOLE.binary_search(&currency).is_ok() => 0,
        _ if THREE.binary_search(&currency).is_ok() => 3,
        _ => 2,
    })
}

pub(super) fn is_country(code: &str) -> bool {
    code.len() == 2 && COUNTRIES.split_ascii_whitespace().any(|known| known == code)
}

#[cfg(test)]
mod tests {
    use super::{COUNTRIES, CURRENCIES, THREE, WHOLE, is_country, places};

    #[test]
    fn the_tables_are_in_order_and_know_each_other() {
        for table in [CURRENCIES, WHOLE, THREE] {
            assert!(table.is_sorted());
        }
        assert!([WHOLE, THREE].concat().iter().all(|special| CURRENCIES.contains(special)));
        let countries: Vec<&str> = COUNTRIES.split_ascii_whitespace().collect();
        assert!(countries.is_sorted() && countries.len() == 249);
        assert_eq!(
            (places(156), places(392), places(48), places(999)),
            (Some(2), Some(0), Some(3), None)
        );
        assert!(is_country("CN") && !is_country("cn") && !is_country("XX") && !is_country("A") && !is_country(" "));
    }
}
