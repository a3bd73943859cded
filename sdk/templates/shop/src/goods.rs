//! What is sold.

/// One thing. Texts are in the order of `LANGUAGES`.
pub struct Good {
    /// In saved baskets: never given to anything else.
    pub id: &'static str,
    pub name: [&'static str; 2],
    pub about: [&'static str; 2],
    /// In minor units.
    pub price: u64,
    pub picture: &'static str,
}

pub const LANGUAGES: [&str; 2] = ["zh", "en"];

pub const GOODS: [Good; 4] = [
    Good {
        id: "mug",
        name: ["陶杯", "Stoneware mug"],
        about: ["手作，三百毫升", "Made by hand, 300 ml"],
        price: 6_800,
        picture: "common/goods/mug.svg",
    },
    Good {
        id: "notebook",
        name: ["笔记本", "Notebook"],
        about: ["一百六十页，可摊平", "160 pages, lies flat"],
        price: 3_200,
        picture: "common/goods/notebook.svg",
    },
    Good {
        id: "bag",
        name: ["帆布袋", "Canvas bag"],
        about: ["装得下一周的菜", "Holds a week of vegetables"],
        price: 4_500,
        picture: "common/goods/bag.svg",
    },
    Good {
        id: "tea",
        name: ["绿茶", "Green tea"],
        about: ["春天采的，一百克", "Picked in spring, 100 g"],
        price: 5_600,
        picture: "common/goods/tea.svg",
    },
];
