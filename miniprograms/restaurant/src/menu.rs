//! What the kitchen cooks: categories, dishes, options and prices.

/// A text in Chinese and English.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Both {
    /// Chinese.
    pub zh: &'static str,
    /// English.
    pub en: &'static str,
}

const fn b(zh: &'static str, en: &'static str) -> Both {
    Both { zh, en }
}

impl Both {
    /// In the language that fits the tag; Chinese unless it is English.
    pub fn of(&self, language: &str) -> &'static str {
        if language.starts_with("en") { self.en } else { self.zh }
    }
}

/// A part of the menu.
#[derive(Debug)]
pub struct Category {
    /// Unique.
    pub id: &'static str,
    /// Shown above its dishes.
    pub name: Both,
    /// In the order of the menu.
    pub dishes: &'static [Dish],
}

/// A dish.
#[derive(Debug)]
pub struct Dish {
    /// Unique; also the name of its picture, `common/dishes/<id>.svg`.
    pub id: &'static str,
    /// Its name.
    pub name: Both,
    /// One line that makes hungry.
    pub about: Both,
    /// In fen, without options.
    pub price: u64,
    /// How hot: 0 to 3.
    pub heat: u8,
    /// A short word that stands out; empty: none.
    pub badge: Both,
    /// Not to be had today.
    pub sold_out: bool,
    /// What can be chosen.
    pub options: &'static [&'static Choice],
}

/// A choice on a dish's page.
#[derive(Debug)]
pub struct Choice {
    /// Unique in a dish.
    pub id: &'static str,
    /// Its name.
    pub name: Both,
    /// Any number of them, or exactly one.
    pub many: bool,
    /// What there is; of exactly one, the first is chosen at the start.
    pub picks: &'static [Pick],
}

/// Something to pick.
#[derive(Debug)]
pub struct Pick {
    /// Unique in a choice.
    pub id: &'static str,
    /// Its name.
    pub name: Both,
    /// Added to the price, in fen.
    pub extra: u64,
}

const fn pick(id: &'static str, zh: &'static str, en: &'static str, extra: u64) -> Pick {
    Pick { id, name: b(zh, en), extra }
}

static SIZE: Choice =
    Choice { id: "size", name: b("份量", "Size"), many: false, picks: &[pick("regular", "标准", "Regular", 0), pick("large", "大份", "Large", 600)] };
static HEAT: Choice = Choice {
    id: "heat",
    name: b("辣度", "Spice"),
    many: false,
    picks: &[pick("mild", "微辣", "Mild", 0), pick("none", "不辣", "None", 0), pick("medium", "中辣", "Medium", 0), pick("hot", "特辣", "Hot", 0)],
};
static NOODLE_EXTRAS: Choice = Choice {
    id: "extras",
    name: b("加料", "Extras"),
    many: true,
    picks: &[
        pick("egg", "卤蛋", "Braised egg", 300),
        pick("greens", "小青菜", "Greens", 400),
        pick("beef", "加牛肉", "More beef", 1_200),
        pick("coriander", "香菜", "Coriander", 0),
    ],
};
static DIP: Choice = Choice {
    id: "dip",
    name: b("蘸料", "Dip"),
    many: true,
    picks: &[pick("vinegar", "镇江醋", "Black vinegar", 0), pick("chili", "油泼辣子", "Chilli oil", 0), pick("garlic", "蒜泥", "Garlic", 100)],
};
static RICE: Choice = Choice {
    id: "rice",
    name: b("配饭", "Rice"),
    many: false,
    picks: &[pick("with", "配米饭", "With rice", 300), pick("without", "不要", "Without", 0)],
};
static SUGAR: Choice = Choice {
    id: "sugar",
    name: b("甜度", "Sugar"),
    many: false,
    picks: &[pick("half", "半糖", "Half", 0), pick("full", "全糖", "Full", 0), pick("none", "无糖", "None", 0)],
};
static COLD: Choice = Choice {
    id: "cold",
    name: b("温度", "Temperature"),
    many: false,
    picks: &[pick("iced", "加冰", "Iced", 0), pick("cool", "少冰", "Less ice", 0), pick("warm", "温热", "Warm", 0)],
};

const PLAIN: Dish = Dish { id: "", name: b("", ""), about: b("", ""), price: 0, heat: 0, badge: b("", ""), sold_out: false, options: &[] };

/// The menu.
pub static MENU: &[Category] = &[
    Category {
        id: "noodles",
        name: b("面食", "Noodles"),
        dishes: &[
            Dish {
                id: "beef-noodles",
                name: b("红烧牛肉面", "Braised beef noodles"),
                about: b("牛腱慢炖四小时，汤浓面筋道", "Shank braised for four hours, a deep broth, springy noodles"),
                price: 3_600,
                heat: 1,
                badge: b("招牌", "Signature"),
                options: &[&SIZE, &HEAT, &NOODLE_EXTRAS],
                ..PLAIN
            },
            Dish {
                id: "dan-dan-noodles",
                name: b("担担面", "Dan dan noodles"),
                about: b("肉臊酥香，芝麻酱与红油拌匀", "Crisp minced pork, sesame paste and chilli oil"),
                price: 2_200,
                heat: 2,
                options: &[&SIZE, &HEAT, &NOODLE_EXTRAS],
                ..PLAIN
            },
            Dish {
                id: "scallion-noodles",
                name: b("葱油拌面", "Scallion oil noodles"),
                about: b("小火熬的葱油，一拌就香", "Scallions fried slowly until the oil smells of them"),
                price: 1_800,
                options: &[&SIZE, &NOODLE_EXTRAS],
                ..PLAIN
            },
            Dish {
                id: "wontons",
                name: b("鲜肉小馄饨", "Pork wontons in broth"),
                about: b("皮薄如纱，汤里有虾皮和紫菜", "Skins thin as gauze, dried shrimp and seaweed in the broth"),
                price: 2_000,
                options: &[&SIZE],
                ..PLAIN
            },
        ],
    },
    Category {
        id: "dumplings",
        name: b("点心", "Dumplings"),
        dishes: &[
            Dish {
                id: "dumplings",
                name: b("白菜猪肉水饺", "Pork and cabbage dumplings"),
                about: b("现包现煮，十二只", "Folded and boiled to order, twelve"),
                price: 2_400,
                options: &[&DIP],
                ..PLAIN
            },
            Dish {
                id: "potstickers",
                name: b("香煎锅贴", "Potstickers"),
                about: b("底脆馅嫩，八只", "A crisp base, a tender heart, eight"),
                price: 2_600,
                badge: b("人气", "Popular"),
                options: &[&DIP],
                ..PLAIN
            },
            Dish {
                id: "xiaolongbao",
                name: b("蟹粉小笼包", "Crab soup dumplings"),
                about: b("先开窗，后喝汤，六只", "Open a window, drink the soup, six"),
                price: 4_200,
                sold_out: true,
                options: &[&DIP],
                ..PLAIN
            },
        ],
    },
    Category {
        id: "dishes",
        name: b("热菜", "From the wok"),
        dishes: &[
            Dish {
                id: "mapo-tofu",
                name: b("麻婆豆腐", "Mapo tofu"),
                about: b("麻、辣、烫、嫩，一勺下饭", "Numbing, hot, tender: made for rice"),
                price: 2_800,
                heat: 3,
                badge: b("招牌", "Signature"),
                options: &[&HEAT, &RICE],
                ..PLAIN
            },
            Dish {
                id: "kung-pao-chicken",
                name: b("宫保鸡丁", "Kung pao chicken"),
                about: b("花生酥脆，糊辣小荔枝口", "Peanuts, dried chillies, a touch of sweet and sour"),
                price: 3_200,
                heat: 2,
                options: &[&HEAT, &RICE],
                ..PLAIN
            },
            Dish {
                id: "sweet-sour-pork",
                name: b("咕咾肉", "Sweet and sour pork"),
                about: b("外脆里嫩，菠萝解腻", "Crisp outside, tender inside, with pineapple"),
                price: 3_800,
                options: &[&SIZE, &RICE],
                ..PLAIN
            },
            Dish {
                id: "tomato-egg",
                name: b("番茄炒蛋", "Tomato and egg"),
                about: b("家里的味道，多汁拌饭", "As at home: juicy, over rice"),
                price: 2_000,
                options: &[&RICE],
                ..PLAIN
            },
            Dish {
                id: "greens",
                name: b("蒜蓉时蔬", "Greens with garlic"),
                about: b("当天的菜，大火快炒", "Whatever came this morning, over a fierce flame"),
                price: 1_800,
                ..PLAIN
            },
            Dish {
                id: "fried-rice",
                name: b("扬州炒饭", "Yangzhou fried rice"),
                about: b("粒粒分明，虾仁火腿鸡蛋", "Every grain apart: shrimp, ham, egg"),
                price: 2_600,
                options: &[&SIZE],
                ..PLAIN
            },
        ],
    },
    Category {
        id: "small",
        name: b("凉菜与汤", "Small plates and soup"),
        dishes: &[
            Dish {
                id: "cucumber-salad",
                name: b("拍黄瓜", "Smashed cucumber"),
                about: b("脆，酸，一点点辣", "Crisp, sour, a little hot"),
                price: 1_400,
                heat: 1,
                ..PLAIN
            },
            Dish {
                id: "hot-sour-soup",
                name: b("酸辣汤", "Hot and sour soup"),
                about: b("胡椒的辣，陈醋的酸", "The heat of pepper, the sour of aged vinegar"),
                price: 1_600,
                heat: 2,
                ..PLAIN
            },
            Dish { id: "rice", name: b("米饭", "Rice"), about: b("五常大米", "From Wuchang"), price: 300, ..PLAIN },
        ],
    },
    Category {
        id: "sweet",
        name: b("甜品与饮品", "Sweets and drinks"),
        dishes: &[
            Dish {
                id: "sesame-balls",
                name: b("芝麻球", "Sesame balls"),
                about: b("豆沙流心，三只", "Red bean inside, three"),
                price: 1_200,
                ..PLAIN
            },
            Dish { id: "egg-tarts", name: b("蛋挞", "Egg tarts"), about: b("刚出炉，三只", "From the oven, three"), price: 1_500, ..PLAIN },
            Dish {
                id: "mango-pudding",
                name: b("芒果布丁", "Mango pudding"),
                about: b("真芒果，冰的", "Real mango, cold"),
                price: 1_600,
                ..PLAIN
            },
            Dish {
                id: "soy-milk",
                name: b("现磨豆浆", "Fresh soy milk"),
                about: b("每天早上磨", "Ground every morning"),
                price: 800,
                options: &[&SUGAR, &COLD],
                ..PLAIN
            },
            Dish {
                id: "plum-juice",
                name: b("酸梅汤", "Sour plum drink"),
                about: b("乌梅、山楂、桂花", "Smoked plum, hawthorn, osmanthus"),
                price: 900,
                options: &[&COLD],
                ..PLAIN
            },
            Dish { id: "jasmine-tea", name: b("茉莉花茶", "Jasmine tea"), about: b("一壶，可续水", "A pot, refilled"), price: 1_200, ..PLAIN },
        ],
    },
];

/// The dish of that id.
pub fn dish(id: &str) -> Option<&'static Dish> {
    MENU.iter().flat_map(|category| category.dishes).find(|dish| dish.id == id)
}
