{{ config(
    severity='error',
    meta={
        'code': 'HOUSE-POPULATION-01',
        'dimension': 'consistency',
        'subject': 'int_population_periods',
        'guards': 'The periods of a state in a population never touch or overlap, so that a day lies in one at most.',
        'sentence': 'Membership would be counted twice: this is a defect of the program.',
    },
) }}

select
    earlier.population,
    earlier.iso3,
    earlier.member_from,
    earlier.member_until,
    later.member_from as next_from
from {{ ref('int_population_periods') }} as earlier
inner join {{ ref('int_population_periods') }} as later
    on
        earlier.population = later.population
        and earlier.iso3 = later.iso3
        and earlier.member_from < later.member_from
        and earlier.member_until >= later.member_from
