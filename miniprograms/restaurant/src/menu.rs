//! What there is to eat. Prices in fen.

use youji_sdk::text::best;

/// A text in Chinese and in English.
pub(crate) type Name = [&'static str; 2];

/// Index into a [`Name`].
pub(crate) fn language(tag: &str) -> usize {
    best(&["zh", "en"], tag)
}

/// Something that may be added to a dish.
pub(crate) struct Extra {
    pub(crate) id: &'static str,
    pub(crate) name: Name,
    pub(crate) price: u64,
}

/// A dish.
pub(crate) struct Dish {
    /// Stands in rows and file names: never changes.
    pub(crate) id: &'static str,
    pub(crate) category: usize,
    pub(crate) name: Name,
    pub(crate) about: Name,
    pub(crate) price: u64,
    /// What a large one costs more; none: one size.
    pub(crate) large: Option<u64>,
    /// How hot it is unless told; none: can't be chosen.
    pub(crate) spice: Option<u8>,
    /// Indices into [`EXTRAS`].
    pub(crate) extras: &'static [usize],
}

pub(crate) const CATEGORIES: [Name; 5] = [
    ["招牌热菜", "House favourites"],
    ["面和饭", "Noodles and rice"],
    ["点心", "Dumplings"],
    ["凉菜与汤", "Small plates and soup"],
    ["甜品饮品", "Sweets and drinks"],
];

pub(crate) const SPICE: [Name; 3] = [["不辣", "Not hot"], ["微辣", "Mild"], ["重辣", "Hot"]];

pub(crate) const EXTRAS: [Extra; 7] = [
    extra("egg", "溏心蛋", "Soft egg", 300),
    extra("rice", "米饭", "Bowl of rice", 300),
    extra("greens", "小青菜", "Greens", 400),
    extra("noodles", "加面", "More noodles", 400),
    extra("peanuts", "花生碎", "More peanuts", 200),
    extra("vinegar", "镇江醋", "Black vinegar", 0),
    extra("chilli-oil", "油泼辣子", "Chilli oil", 0),
];

const fn extra(id: &'static str, zh: &'static str, en: &'static str, price: u64) -> Extra {
    Extra { id, name: [zh, en], price }
}

const fn dish(id: &'static str, category: usize, price: u64, name: Name, about: Name) -> Dish {
    Dish {
        id,
        category,
        name,
        about,
        price,
        large: None,
        spice: None,
        extras: &[],
    }
}

impl Dish {
    const fn large(mut self, more: u64) -> Self {
        self.large = Some(more);
        self
    }
    const fn spice(mut self, level: u8) -> Self {
        self.spice = Some(level);
        self
    }
    const fn extras(mut self, extras: &'static [usize]) -> Self {
        self.extras = extras;
        self
    }

    pub(crate) fn picture(&self) -> String {
        ["common/dishes/", self.id, ".svg"].concat()
    }
}

pub(crate) static DISHES: [Dish; 22] = [
    dish(
        "beef-noodles",
        0,
        3_600,
        ["红烧牛肉面", "Braised beef noodles"],
        ["牛腱慢炖四小时", "Shank braised for four hours"],
    )
    .large(800)
    .spice(1)
    .extras(&[0, 2, 3]),
    dish(
        "mapo-tofu",
        0,
        2_800,
        ["麻婆豆腐", "Mapo tofu"],
        ["麻、辣、烫、嫩", "Numbing, hot, tender"],
    )
    .spice(2)
    .extras(&[1]),
    dish(
        "kung-pao-chicken",
        0,
        3_200,
        ["宫保鸡丁", "Kung Pao chicken"],
        ["花生酥脆，糊辣荔枝口", "Peanuts, dried chilli, sweet and sour"],
    )
    .large(1_000)
    .spice(1)
    .extras(&[1, 4]),
    dish(
        "sweet-sour-pork",
        0,
        3_800,
        ["咕咾肉", "Sweet and sour pork"],
        ["外脆里嫩，菠萝解腻", "Crisp, with pineapple"],
    )
    .large(1_000)
    .extras(&[1]),
    dish("tomato-egg", 0, 2_000, ["番茄炒蛋", "Tomato and egg"], ["家里的味道", "As at home"]).extras(&[1]),
    dish(
        "greens",
        0,
        1_800,
        ["蒜蓉时蔬", "Greens with garlic"],
        ["当天的菜，大火快炒", "Picked today, a fierce flame"],
    ),
    dish(
        "dan-dan-noodles",
        1,
        2_200,
        ["担担面", "Dan dan noodles"],
        ["肉臊酥香，芝麻酱红油", "Crisp pork, sesame, chilli oil"],
    )
    .large(600)
    .spice(1)
    .extras(&[0, 2, 3]),
    dish(
        "scallion-noodles",
        1,
        1_800,
        ["葱油拌面", "Scallion oil noodles"],
        ["小火熬的葱油", "Slowly fried scallions"],
    )
    .large(600)
    .extras(&[0, 2, 3]),
    dish(
        "wontons",
        1,
        2_000,
        ["鲜肉小馄饨", "Wontons in broth"],
        ["皮薄如纱，虾皮紫菜", "Thin skins, dried shrimp, seaweed"],
    )
    .large(600),
    dish(
        "fried-rice",
        1,
        2_600,
        ["扬州炒饭", "Yangzhou fried rice"],
        ["粒粒分明", "Every grain apart"],
    )
    .large(700)
    .extras(&[0]),
    dish("rice", 1, 300, ["米饭", "Bowl of rice"], ["五常大米", "From Wuchang"]),
    dish(
        "dumplings",
        2,
        2_400,
        ["鲜肉水饺", "Pork dumplings"],
        ["现包现煮，十二只", "Folded to order, twelve"],
    )
    .large(900)
    .extras(&[5, 6]),
    dish(
        "potstickers",
        2,
        2_600,
        ["香煎锅贴", "Potstickers"],
        ["底脆馅嫩，八只", "Crisp base, tender heart, eight"],
    )
    .extras(&[5, 6]),
    dish(
        "xiaolongbao",
        2,
        4_200,
        ["蟹粉小笼包", "Crab soup dumplings"],
        ["先开窗，后喝汤", "Open a window, drink the soup"],
    )
    .extras(&[5]),
    dish(
        "cucumber-salad",
        3,
        1_400,
        ["拍黄瓜", "Smashed cucumber"],
        ["脆，酸，一点点辣", "Crisp, sour, a little hot"],
    )
    .spice(1),
    dish(
        "hot-sour-soup",
        3,
        1_600,
        ["酸辣汤", "Hot and sour soup"],
        ["胡椒的辣，陈醋的酸", "White pepper, aged vinegar"],
    )
    .large(600)
    .spice(1),
    dish(
        "sesame-balls",
        4,
        1_200,
        ["芝麻球", "Sesame balls"],
        ["豆沙流心，三只", "Red bean inside, three"],
    ),
    dish(
        "egg-tarts",
        4,
        1_500,
        ["蛋挞", "Egg tarts"],
        ["刚出炉，三只", "From the oven, three"],
    ),
    dish(
        "mango-pudding",
        4,
        1_600,
        ["芒果布丁", "Mango pudding"],
        ["真芒果，冰的", "Real mango, cold"],
    ),
    dish(
        "soy-milk",
        4,
        800,
        ["现磨豆浆", "Fresh soy milk"],
        ["每天早上磨", "Ground every morning"],
    )
    .large(300),
    dish(
        "plum-juice",
        4,
        900,
        ["酸梅汤", "Sour plum drink"],
        ["乌梅、山楂、桂花", "Smoked plum, hawthorn, osmanthus"],
    )
    .large(400),
    dish(
        "jasmine-tea",
        4,
        1_200,
        ["茉莉花茶", "Jasmine tea"],
        ["一壶，可续水", "A pot, refilled"],
    ),
];

/// Index of a dish.
pub(crate) fn find(id: &str) -> Option<usize> {
    DISHES.iter().position(|dish| dish.id == id)
}
