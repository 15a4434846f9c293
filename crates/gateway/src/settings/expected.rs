//! What a configuration file may contain.
//!
//! It is found by the reader of the file itself, which reads a table that has every setting. So
//! there is no second list of settings that could differ from what is read.

use std::{cell::RefCell, ops::RangeInclusive, rc::Rc};

/// The settings that a table may contain, in the order in which they are read.
#[derive(Debug, Default)]
pub(super) struct ExpectedTable {
    settings: RefCell<Vec<ExpectedSetting>>,
    exclusive: RefCell<Vec<ExclusiveSettings>>,
}

/// Settings of which only one may be present.
#[derive(Clone, Debug)]
pub(super) struct ExclusiveSettings {
    pub(super) names: Vec<&'static str>,
    /// Whether one of them has to be present.
    pub(super) is_required: bool,
}

/// A setting of a table.
#[derive(Clone, Debug)]
pub(super) struct ExpectedSetting {
    pub(super) name: &'static str,
    pub(super) is_required: bool,
    pub(super) value: Rc<ExpectedValue>,
}

/// The forms that a value may have. Any of them is right.
#[derive(Debug, Default)]
pub(super) struct ExpectedValue {
    forms: RefCell<Vec<ExpectedForm>>,
}

/// One form of a value.
#[derive(Clone, Debug)]
pub(super) enum ExpectedForm {
    /// `true` or `false`.
    Boolean,
    /// A list of so many elements.
    List {
        /// How many there may be.
        lengths: RangeInclusive<usize>,
        /// What each of them is.
        element: Rc<ExpectedValue>,
    },
    /// A whole number.
    Number(RangeInclusive<u64>),
    /// A table.
    Table(Rc<ExpectedTable>),
    /// A text that a parser accepts.
    Text,
    /// This text.
    Word(&'static str),
}

impl ExpectedTable {
    /// Adds an optional setting.
    pub(super) fn add(&self, name: &'static str) -> Rc<ExpectedValue> {
        let value = Rc::<ExpectedValue>::default();
        let setting = ExpectedSetting { name, is_required: false, value: Rc::clone(&value) };
        self.settings.borrow_mut().push(setting);
        value
    }

    /// Makes a setting a required one.
    pub(super) fn require(&self, name: &str) {
        for setting in self.settings.borrow_mut().iter_mut() {
            setting.is_required |= setting.name == name;
        }
    }

    /// Notes that only one of these settings may be present.
    pub(super) fn exclude(&self, names: &[&'static str]) {
        let group = ExclusiveSettings { names: names.to_vec(), is_required: false };
        self.exclusive.borrow_mut().push(group);
    }

    /// Notes that one of these settings, which exclude one another, has to be present.
    pub(super) fn require_one_of(&self, names: &[&'static str]) {
        for group in self.exclusive.borrow_mut().iter_mut() {
            group.is_required |= group.names == names;
        }
    }

    pub(super) fn settings(&self) -> Vec<ExpectedSetting> {
        self.settings.borrow().clone()
    }

    /// Groups of settings of which one may be present.
    pub(super) fn exclusive(&self) -> Vec<ExclusiveSettings> {
        self.exclusive.borrow().clone()
    }
}

impl ExpectedValue {
    pub(super) fn add(&self, form: ExpectedForm) {
        self.forms.borrow_mut().push(form);
    }

    pub(super) fn forms(&self) -> Vec<ExpectedForm> {
        self.forms.borrow().clone()
    }

    /// The table that the value is, or that each element of the list is.
    pub(super) fn table(&self) -> Option<Rc<ExpectedTable>> {
        self.forms().into_iter().find_map(|form| match form {
            ExpectedForm::Table(table) => Some(table),
            ExpectedForm::List { element, .. } => element.table(),
            ExpectedForm::Boolean
            | ExpectedForm::Number(_)
            | ExpectedForm::Text
            | ExpectedForm::Word(_) => None,
        })
    }
}
