{{ config(
    severity='error',
    meta={
        'code': 'HOUSE-POPULATION-01',
        'dimension': 'consistency',
        'subject': 'int_population_periods, population_members',
        'guards': 'A day lies in one period of a state in a population at most, and every state is a State Party or not, never both; obligations are those of States Parties.',
        'sentence': 'this does not hold; it is a defect of the program.',
        'named_by': 'rule',
    },
) }}

with

members as (
    select
        reporting_year,
        member_key,
        max(case when population = 'all_states' then 1 else 0 end) as is_state,
        max(case when population = 'states_parties' then 1 else 0 end) as is_party,
        max(case when population = 'states_not_party' then 1 else 0 end) as is_not_party,
        max(
            case
                when population in ('all_states', 'states_parties', 'states_not_party') then 0
                else 1
            end
        ) as has_obligation
    from {{ ref('population_members') }}
    where member_kind = 'state'
    group by reporting_year, member_key
)

select 'the periods of a state in a population never touch or overlap' as rule
from {{ ref('int_population_periods') }} as earlier
inner join {{ ref('int_population_periods') }} as later
    on
        earlier.population = later.population
        and earlier.iso3 = later.iso3
        and earlier.member_from < later.member_from
        and earlier.member_until >= later.member_from
union all
select 'every state is a State Party or not, never both, and obligations are those of States Parties' as rule
from members
where
    is_state <> 1
    or is_party + is_not_party <> 1
    or (has_obligation = 1 and is_party = 0)
